import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { chmod, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { digestSchema, GantryError } from '@gantry/contracts'
import { z } from 'zod'
import type { UnpackedLayer, UnpackLimits, Unpacker } from '../kernel/unpack.ts'
import { readStateFile, replaceFileSync } from '../lib/atomic-file.ts'
import { faultPoint } from '../lib/fault.ts'
import { SharedWork } from '../lib/shared-work.ts'
import { WriteBehind } from '../lib/write-behind.ts'
import type { EngineConfig } from '../ports.ts'

/** One committed layer: the difference it makes, as folders that overlayfs stacks. */
const layerSchema = z.object({
  /** `sha256:` + 64 hex, of this layer and all below it (OCI image-spec, "Layer ChainID"). */
  chainId: digestSchema,
  /** sha256 of the uncompressed tar. */
  diffId: digestSchema,
  fileBytes: z.number(),
  entries: z.number(),
  /** Device nodes and sockets that were left out. */
  skipped: z.number(),
  /** Of the write-behind session it was written in. */
  session: z.string(),
})
export type Layer = z.infer<typeof layerSchema>

export interface LayerRequest {
  readonly chainId: string
  /** The layer below; undefined for the lowest one. It is committed already. */
  readonly parent: string | undefined
  /** What the tar's digest must be. */
  readonly diffId: string
  readonly blobPath: string
  /** What the blob was checked against when it was stored. */
  readonly blobDigest?: string
  /** The blob's content, unpacked in a folder that may be taken over. */
  readonly unpacked?: PreparedLayer | undefined
  readonly limits: UnpackLimits
  readonly signal?: AbortSignal | undefined
  /** Bytes of the blob read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined
}

export interface PreparedLayer extends UnpackedLayer {
  readonly folder: string
}

/**
 * Layers, committed once and shared by everything that stands on them. A layer is unpacked in a temporary folder and renamed into
 * place, so that it is either whole or not there at all.
 */
export interface LayerStore {
  /** Flushes layers and blobs after the request that brought them is answered. */
  readonly writeBehind: WriteBehind
  /** Name of the storage driver. */
  readonly driver: string
  get(chainId: string): Layer | undefined
  list(): Layer[]
  /** Folder with the layer's own content; with `trees`, with that of all below it too. */
  path(chainId: string): string
  /** Commits the layer unless it is there; callers at the same time share the work. It is flushed to the disk later (`writeBehind`). Throws `invalid_input` when the content is not what was announced. */
  commit(request: LayerRequest): Promise<Layer>
  /** Idempotent. The caller makes sure that nothing stands on it. */
  remove(chainId: string): Promise<void>
}

/** How a driver makes folders that have all of their layers in them. */
export interface Trees {
  /** An empty one. */
  create(path: string): Promise<void>
  /** A copy of its own, of which `source` never notices. */
  clone(source: string, path: string): Promise<void>
  /** Idempotent. */
  remove(path: string): Promise<void>
}

/** Reads what is committed below `<dataDir>/<folder>` and removes what an earlier life of the agent left half done. */
export async function createLayerStore(options: {
  config: Pick<EngineConfig, 'dataDir' | 'log'>
  unpacker: Pick<Unpacker, 'layer' | 'sync'>
  /** Of the data folder; the driver's name. */
  folder?: string
  /** Given: a layer is a whole tree, made from the tree of the layer below; absent: the difference that it makes. */
  trees?: Trees | undefined
}): Promise<LayerStore> {
  const { trees } = options
  const root = join(options.config.dataDir, options.folder ?? 'overlay2')
  const folders = { layers: join(root, 'layers'), temporary: join(root, 'tmp') }
  mkdirSync(root, { recursive: true, mode: 0o700 })
  await rm(folders.temporary, { recursive: true, force: true })
  mkdirSync(folders.layers, { recursive: true })
  mkdirSync(folders.temporary)
  const writeBehind = new WriteBehind(root, {
    sync: () => options.unpacker.sync(root),
    onFailure: (error) => options.config.log('error', `layers cannot be flushed to the disk: ${error}`),
  })
  const { layers, unreadable } = readLayers(folders.layers, { log: options.config.log, lostSession: writeBehind.unsynced?.session })
  for (const name of unreadable) await discard(join(folders.layers, name), folders.temporary, trees)
  const commits = new SharedWork<Layer, number>()
  const folder = (chainId: string) => join(folders.layers, hexOf(chainId))

  return {
    writeBehind,
    driver: options.folder ?? 'overlay2',
    get: (chainId) => layers.get(chainId),
    list: () => [...layers.values()],
    path: (chainId) => join(folder(chainId), 'diff'),
    async commit(request) {
      const present = layers.get(request.chainId)
      if (present) return present
      const unpack = (signal: AbortSignal, onProgress: (bytes: number) => void) =>
        writeBehind.write((session) =>
          commitLayer({ ...request, signal, onProgress }, { folders, unpacker: options.unpacker, session, trees }),
        )
      const layer = await commits.run(request.chainId, unpack, request)
      layers.set(layer.chainId, layer)
      return layer
    },
    async remove(chainId) {
      layers.delete(chainId)
      await discard(folder(chainId), folders.temporary, trees)
    },
  }
}

interface Places {
  readonly folders: { readonly layers: string; readonly temporary: string }
  readonly unpacker: Pick<Unpacker, 'layer'>
  readonly session: string
  readonly trees: Trees | undefined
}

async function commitLayer(request: LayerRequest, { folders, unpacker, session, trees }: Places): Promise<Layer> {
  const temporary = join(folders.temporary, randomBytes(8).toString('hex'))
  try {
    const diff = join(temporary, 'diff')
    await mkdir(temporary)
    const unpacked = trees
      ? await apply({ unpacker, trees }, request, { below: request.parent && join(folders.layers, hexOf(request.parent), 'diff'), diff })
      : ((await takeOver(request.unpacked, diff)) ?? (await unpack(unpacker, request, diff)))
    if (unpacked.diffId !== request.diffId) {
      throw new GantryError('invalid_input', `layer content has digest ${unpacked.diffId}, its image says ${request.diffId}`)
    }
    const { fileBytes, entries, skipped } = unpacked
    const layer: Layer = { chainId: request.chainId, diffId: request.diffId, fileBytes, entries, skipped, session }
    replaceFileSync(join(temporary, 'layer.json'), layer)
    faultPoint('layer.unpacked')
    await rename(temporary, join(folders.layers, hexOf(request.chainId)))
    faultPoint('layer.committed')
    return layer
  } catch (error) {
    await trees?.remove(join(temporary, 'diff'))
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

async function unpack(unpacker: Places['unpacker'], request: LayerRequest, diff: string): Promise<UnpackedLayer> {
  await mkdir(diff)
  await chmod(diff, 0o755)
  return unpacker.layer(request.blobPath, diff, { ...request, trustedDigest: request.blobDigest })
}

/** Into a copy of all that is below. */
async function apply(
  { unpacker, trees }: Pick<Places, 'unpacker'> & { trees: Trees },
  request: LayerRequest,
  { below, diff }: { below: string | undefined; diff: string },
): Promise<UnpackedLayer> {
  if (below) {
    await trees.clone(below, diff)
  } else {
    await trees.create(diff)
    await chmod(diff, 0o755)
  }
  return unpacker.layer(request.blobPath, diff, { ...request, trustedDigest: request.blobDigest, apply: true })
}

/** Undefined when there is nothing, when another image of the same archive has it already, or when it lies on another file system. */
async function takeOver(prepared: PreparedLayer | undefined, diff: string): Promise<UnpackedLayer | undefined> {
  if (!prepared) return undefined
  try {
    await rename(prepared.folder, diff)
    return prepared
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EXDEV' || code === 'ENOENT') return undefined
    throw error
  }
}

/** Out of sight first, in one step, so that a crash in between leaves no layer with half its files. */
async function discard(folder: string, temporaryFolder: string, trees: Trees | undefined): Promise<void> {
  const doomed = join(temporaryFolder, randomBytes(8).toString('hex'))
  try {
    // Synchronous: nobody can begin to use the layer between the caller's check and this.
    renameSync(folder, doomed)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  await trees?.remove(join(doomed, 'diff'))
  await rm(doomed, { recursive: true, force: true })
}

/** A layer whose record cannot be read, or that a power loss met half written, cannot be trusted; it is cheap to have again. */
function readLayers(
  folder: string,
  options: { log: EngineConfig['log']; lostSession: string | undefined },
): { layers: Map<string, Layer>; unreadable: string[] } {
  const layers = new Map<string, Layer>()
  const unreadable: string[] = []
  for (const name of readdirSync(folder)) {
    const read = readStateFile(join(folder, name, 'layer.json'))
    const parsed = read.kind === 'value' ? layerSchema.safeParse(read.value) : undefined
    if (parsed?.success && parsed.data.chainId === `sha256:${name}` && parsed.data.session !== options.lostSession) {
      layers.set(parsed.data.chainId, parsed.data)
      continue
    }
    unreadable.push(name)
    options.log('error', `layer ${name} is not whole and is removed: pull or load its images again`)
  }
  return { layers, unreadable }
}

function hexOf(chainId: string): string {
  const match = /^sha256:([0-9a-f]{64})$/.exec(chainId)
  if (!match?.[1]) throw new GantryError('internal', `${chainId} is not a layer's chain id`)
  return match[1]
}
