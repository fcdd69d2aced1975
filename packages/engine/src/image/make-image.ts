import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { SYSTEM_PROJECT } from '@gantry/contracts'
import type { LayerTar } from '../kernel/archiver.ts'
import type { UnpackLimits } from '../kernel/unpack.ts'
import { faultPoint } from '../lib/fault.ts'
import type { ImageContext } from './context.ts'
import { findImage } from './find-image.ts'
import { documentBytes, type ImageDocument, parseImageDocument } from './image-document.ts'
import { chainIds, type Manifest, mediaTypes } from './manifest.ts'
import type { LayerRecord } from './records.ts'
import type { Reference } from './reference.ts'
import { storeImage } from './store-image.ts'
import { sweep } from './sweep.ts'

/** An image, or what is to become one: its config file and its layers, bottom first. */
export interface ImageState {
  readonly document: ImageDocument
  readonly layers: readonly LayerRecord[]
}

/** Keeps what has been made from being swept until an image or a cache holds it. */
export type Lease = ReturnType<ImageContext['leases']['take']>

/** Making images of what containers wrote, instead of taking others'. */
export interface ImageMaking {
  lease(): Lease
  /** Throws `not_found`. The lease keeps it while it is worked with. */
  find(projectId: string, reference: string, lease: Lease): Promise<ImageState & { readonly id: string }>
  /** Stores what `write` writes into the file as a layer over `below`; undefined when there is nothing in it. */
  addLayer(below: readonly LayerRecord[], options: LayerOptions): Promise<LayerRecord | undefined>
  /** The config file alone; its digest is the id that an image of it has. */
  addDocument(document: ImageDocument, lease: Lease): Promise<string>
  /** The config file, when it and the layers are all there. */
  readWhole(id: string, layers: readonly LayerRecord[]): Promise<Buffer | undefined>
  /** Bytes of a layer's files. */
  layerBytes(chainId: string): number
  /** Chain ids of the layers of all images that the project has or sees. */
  imageLayers(projectId: string): Set<string>
  /** True while a request works with it. */
  isLeased(id: string): boolean
  /** Removes what nothing needs any more; returns the bytes. */
  sweep(): Promise<number>
  /** Gives the project the image under these names. Returns its id. */
  store(
    state: ImageState,
    options: { projectId: string; references: readonly Reference[]; lease: Lease; limits: UnpackLimits },
  ): Promise<string>
}

export interface LayerOptions {
  readonly write: (file: FileHandle) => Promise<Pick<LayerTar, 'digest' | 'bytes' | 'entries'>>
  readonly lease: Lease
  readonly limits: UnpackLimits
  readonly signal?: AbortSignal | undefined
}

export function imageMaking(context: ImageContext): ImageMaking {
  return {
    lease: () => context.leases.take(),
    async find(projectId, reference, lease) {
      const { image } = findImage(context, projectId, reference)
      lease.add(image.id, image.manifest, ...image.layers.flatMap(({ digest, chainId }) => [digest, chainId]))
      return { id: image.id, document: parseImageDocument(await context.content.read(image.id)), layers: image.layers }
    },
    addLayer: (below, options) => addLayer(context, below, options),
    async addDocument(document, lease) {
      const id = await context.content.write(documentBytes(document))
      lease.add(id)
      return id
    },
    async readWhole(id, layers) {
      const whole = layers.every(({ digest, chainId }) => context.content.has(digest) && context.layers.get(chainId))
      return whole && context.content.has(id) ? context.content.read(id) : undefined
    },
    layerBytes: (chainId) => context.layers.get(chainId)?.fileBytes ?? 0,
    imageLayers(projectId) {
      const ids = [projectId, SYSTEM_PROJECT].flatMap((owner) => context.records.project(owner).images)
      return new Set(ids.flatMap((id) => context.records.image(id)?.layers.map(({ chainId }) => chainId) ?? []))
    },
    isLeased: (id) => context.leases.has(id),
    sweep: async () => (await sweep(context)).bytes,
    store: (state, options) => storeState(context, state, options),
  }
}

async function addLayer(
  context: ImageContext,
  below: readonly LayerRecord[],
  { write, lease, limits, signal }: LayerOptions,
): Promise<LayerRecord | undefined> {
  return context.content.withTemporary(async (folder) => {
    const path = join(folder, 'layer.tar')
    const file = await open(path, 'wx', 0o600)
    const written = await write(file).finally(() => file.close())
    if (written.entries === 0) return undefined
    const { digest, bytes: size } = written
    const chainId = chainIds([...below.map(({ diffId }) => diffId), digest]).at(-1) ?? digest
    lease.add(digest, chainId)
    faultPoint('layer.written')
    if (!context.content.has(digest)) await context.content.adopt(path, digest)
    await context.layers.commit({
      ...{ chainId, parent: below.at(-1)?.chainId, diffId: digest, limits, signal },
      blobPath: context.content.path(digest),
      blobDigest: digest,
    })
    return { digest, size, mediaType: mediaTypes.ociLayer, diffId: digest, chainId }
  })
}

async function storeState(
  context: ImageContext,
  state: ImageState,
  { projectId, references, lease, limits }: Parameters<ImageMaking['store']>[1],
): Promise<string> {
  const bytes = documentBytes(state.document)
  const id = await context.content.write(bytes)
  lease.add(id)
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: id, size: bytes.length },
    layers: state.layers.map(({ digest, size, mediaType }) => ({ mediaType: ociType(mediaType), digest, size })),
  }
  const manifestDigest = await context.content.write(Buffer.from(JSON.stringify(manifest)))
  lease.add(manifestDigest)
  await storeImage(context, { projectId, manifest, manifestDigest, layerReady: async () => undefined, references, limits })
  return id
}

/** Docker's words for a layer do not belong into an OCI manifest. */
function ociType(mediaType: string): string {
  if (!mediaType.startsWith('application/vnd.docker.')) return mediaType
  return mediaType.endsWith('gzip') ? `${mediaTypes.ociLayer}+gzip` : mediaTypes.ociLayer
}
