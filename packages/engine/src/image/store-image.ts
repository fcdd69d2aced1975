import { GantryError, type Progress } from '@gantry/contracts'
import type { UnpackLimits } from '../kernel/unpack.ts'
import type { PreparedLayer } from '../snapshot/layers.ts'
import { faultPoint } from '../lib/fault.ts'
import type { ImageContext } from './context.ts'
import { chainIds, type Manifest, mediaTypes, parseConfig } from './manifest.ts'
import type { ImageRecord, LayerRecord, ProjectRecord } from './records.ts'
import { type Reference, repositoryName } from './reference.ts'

export interface StoreRequest {
  readonly projectId: string
  readonly manifest: Manifest
  /** Digest of the manifest's bytes; they are in the content store already, and so is the config. */
  readonly manifestDigest: string
  /** Resolves with the layer's blob when it is in the content store; called bottom first, each once. */
  readonly layerReady: (index: number) => Promise<void>
  /** What the layer's content has been unpacked to already; taken over when it is what the image asks for. */
  readonly unpacked?: (index: number) => PreparedLayer | undefined
  /** Names to give. */
  readonly references: readonly Reference[]
  readonly limits: UnpackLimits
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * Unpacks the layers that are not there yet and records the image. The caller holds a lease on the manifest's content. Nothing is
 * recorded when it fails; layers that were committed meanwhile are swept by `sweep`.
 */
export async function storeImage(context: ImageContext, request: StoreRequest): Promise<ImageRecord> {
  const { manifest } = request
  const id = manifest.config.digest
  const config = parseConfig(await context.content.read(id))
  const diffIds = config.rootfs.diff_ids
  if (diffIds.length !== manifest.layers.length) {
    throw new GantryError('invalid_input', `image ${id} has ${manifest.layers.length} layers, but its config names ${diffIds.length}`)
  }
  const chain = chainIds(diffIds)
  const layers = manifest.layers.map(({ digest, size, mediaType }, i): LayerRecord => {
    return { digest, size, mediaType, diffId: diffIds[i] as string, chainId: chain[i] as string }
  })
  let leftBytes = request.limits.maxBytes
  for (const [index, layer] of layers.entries()) {
    await request.layerReady(index)
    const limited = { ...request, limits: { ...request.limits, maxBytes: leftBytes } }
    const parent = layers[index - 1]?.chainId
    const committed = await commit(context, { ...layer, parent }, { request: limited, unpacked: request.unpacked?.(index) })
    leftBytes -= committed.fileBytes
    if (leftBytes < 0) throw tooLarge(request.limits.maxBytes)
  }
  const manifestMediaType = manifest.mediaType ?? mediaTypes.ociManifest
  const image: ImageRecord = { id, manifest: request.manifestDigest, manifestMediaType, layers }
  faultPoint('image.unpacked')
  await recordImage(context, request, image)
  return image
}

async function commit(
  context: ImageContext,
  layer: LayerRecord & { parent: string | undefined },
  { request, unpacked }: { request: StoreRequest; unpacked: PreparedLayer | undefined },
) {
  const short = layer.digest.slice(7, 19)
  const present = context.layers.get(layer.chainId)
  if (present) {
    request.onProgress?.({ id: short, status: 'exists' })
    return present
  }
  request.onProgress?.({ id: short, status: 'extracting', current: 0, total: layer.size })
  const committed = await context.layers.commit({
    chainId: layer.chainId,
    parent: layer.parent,
    diffId: layer.diffId,
    blobPath: context.content.path(layer.digest),
    blobDigest: layer.digest,
    unpacked,
    limits: request.limits,
    signal: request.signal,
    onProgress: (current) => request.onProgress?.({ id: short, status: 'extracting', current, total: layer.size }),
  })
  const message = committed.skipped > 0 ? `${committed.skipped} device nodes or sockets left out` : undefined
  request.onProgress?.({ id: short, status: 'complete', ...(message ? { message } : {}) })
  return committed
}

function tooLarge(maxBytes: number): GantryError {
  const limit = `${maxBytes} bytes`
  return new GantryError('quota_exceeded', `the image is larger than the limit of ${limit}`, {
    limit,
    remedy: 'use a smaller image or ask for a higher image limit',
  })
}

/** Gives the project the image under these names; a name that it had for another image moves. Flushed to the disk with the layers. */
async function recordImage(context: ImageContext, request: StoreRequest, image: ImageRecord): Promise<void> {
  await context.layers.writeBehind.write(async (session) => {
    context.recordedIn.set(image.id, session)
    const name = (project: ProjectRecord) => {
      if (!project.images.includes(image.id)) project.images.push(image.id)
      for (const reference of request.references) nameImage(project, image.id, reference)
    }
    await context.records.change(request.projectId, name, { image, durable: false })
  })
  faultPoint('image.recorded')
}

function nameImage(project: ProjectRecord, id: string, reference: Reference): void {
  const name = repositoryName(reference)
  if (reference.tag) project.tags[`${name}:${reference.tag}`] = id
  // Only a registry's word makes a digest worth keeping with the name.
  if (reference.digest) project.digests[`${name}@${reference.digest}`] = id
}
