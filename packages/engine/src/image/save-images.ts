import type { ByteChannel, OutputOf } from '@gantry/contracts'
import type { ImageContext } from './context.ts'
import { findImage, type FoundImage } from './find-image.ts'
import { mediaTypes } from './manifest.ts'
import { familiar, repositoryName } from './reference.ts'
import { tarHeader, tarPadding } from './tar.ts'

export interface SaveRequest {
  readonly projectId: string
  readonly images: readonly string[]
  readonly channel: ByteChannel
  readonly signal: AbortSignal
}

/** Sends one tar that is an OCI layout and what `docker load` reads at once; the stored blobs go into it as they are. */
export async function saveImages(context: ImageContext, request: SaveRequest): Promise<OutputOf<'image.save'>> {
  const found = request.images.map((image) => findImage(context, request.projectId, image))
  const lease = context.leases.take()
  for (const { image } of found) lease.add(image.id, image.manifest, ...image.layers.map((layer) => layer.digest))
  try {
    let bytes = 0
    for await (const chunk of archive(context, found)) {
      request.signal.throwIfAborted()
      await request.channel.write(chunk)
      bytes += chunk.length
    }
    const { projectId } = request
    for (const { image } of found)
      context.events.emit({ type: 'image', action: 'save', id: image.id, projectId, attributes: { name: image.id } })
    return { bytes }
  } finally {
    lease.release()
    request.channel.end()
  }
}

/** The archive's bytes, in the order: layout, blobs, then the two tables of contents. */
async function* archive(context: ImageContext, found: readonly FoundImage[]): AsyncGenerator<Uint8Array> {
  const blobs = new Set(found.flatMap(({ image }) => [image.manifest, image.id, ...image.layers.map((layer) => layer.digest)]))
  yield* document('oci-layout', { imageLayoutVersion: '1.0.0' })
  for (const digest of blobs) {
    const size = context.content.size(digest)
    yield tarHeader(blobName(digest), size)
    yield* context.content.stream(digest)
    yield tarPadding(size)
  }
  yield* document('index.json', ociIndex(context, found))
  yield* document('manifest.json', dockerTable(found))
  yield Buffer.alloc(1024)
}

function* document(name: string, value: unknown): Generator<Uint8Array> {
  const bytes = Buffer.from(JSON.stringify(value))
  yield tarHeader(name, bytes.length)
  yield bytes
  yield tarPadding(bytes.length)
}

const blobName = (digest: string) => `blobs/sha256/${digest.slice(7)}`

/** One entry per name; an image asked for by its id has one without a name. */
function ociIndex(context: ImageContext, found: readonly FoundImage[]): object {
  const manifests = found.map(({ image, reference }) => ({
    mediaType: image.manifestMediaType,
    digest: image.manifest,
    size: context.content.size(image.manifest),
    ...(reference?.tag
      ? {
          annotations: {
            'io.containerd.image.name': `${repositoryName(reference)}:${reference.tag}`,
            'org.opencontainers.image.ref.name': reference.tag,
          },
        }
      : {}),
  }))
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }
}

function dockerTable(found: readonly FoundImage[]): object[] {
  const images = new Map<string, { image: FoundImage['image']; tags: string[] }>()
  for (const { image, reference } of found) {
    const entry = images.get(image.id) ?? { image, tags: [] }
    if (reference?.tag) entry.tags.push(familiar(reference))
    images.set(image.id, entry)
  }
  return [...images.values()].map(({ image, tags }) => ({
    Config: blobName(image.id),
    RepoTags: tags,
    Layers: image.layers.map((layer) => blobName(layer.digest)),
  }))
}
