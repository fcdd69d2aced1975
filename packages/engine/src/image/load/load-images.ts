import { join } from 'node:path'
import type { ByteChannel, LoadLine, OutputOf } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'
import type { UnpackLimits } from '../../kernel/unpack.ts'
import { channelInput } from '../../lib/channel-input.ts'
import { type ImageContext, limitsFor } from '../context.ts'
import { digestOf, parseManifest } from '../manifest.ts'
import { familiar } from '../reference.ts'
import { storeImage } from '../store-image.ts'
import { sweep } from '../sweep.ts'
import { ArchiveFiles } from './archive-files.ts'
import { findImages, type ArchivedImage } from './find-images.ts'

export interface LoadRequest {
  readonly projectId: string
  readonly limits?: { maxBytes: number } | undefined
  /** Asks before anything becomes visible. */
  readonly admission: boolean
  readonly channel: ByteChannel
  readonly signal: AbortSignal
}

/**
 * Reads an archive in the form of an OCI layout or of `docker save`, plain or compressed, from the channel, and stores its images.
 * Progress goes back as JSON lines. All of the archive's images are stored or none.
 */
export async function loadImages(context: ImageContext, request: LoadRequest): Promise<OutputOf<'image.load'>> {
  const limits = limitsFor(request.limits)
  const lines = new ProgressLines(request.channel)
  const lease = context.leases.take()
  try {
    return await context.content.withTemporary(async (folder) => {
      const files = await receive(context, { folder, limits, lines, request })
      const images = await findImages(files)
      for (const image of images) lease.add(...image.digests)
      if (request.admission) await admission(request, images, lines)
      const ids: string[] = []
      for (const image of images) ids.push(await store(context, { image, files, limits, lines, request }))
      const references = images.flatMap((image) => image.references.map(familiar))
      for (const message of references.length > 0 ? references : ids) lines.send({ status: 'loaded', message })
      await lines.end()
      return { references, ids }
    })
  } catch (error) {
    lease.release()
    await sweep(context)
    throw error
  } finally {
    lease.release()
    request.channel.end()
  }
}

/** Tells the ids of the archive's images and waits for leave; a caller that does not give it cancels or hangs up. */
async function admission({ channel, signal }: LoadRequest, images: readonly ArchivedImage[], lines: ProgressLines): Promise<void> {
  if (!channel.bulk)
    throw new GantryError('invalid_input', 'an archive that comes in frames leaves no room for an answer', { field: 'admission' })
  lines.send({ admit: [...new Set(images.map((image) => digestOf(image.config)))] })
  for await (const _ of channel.incoming) return
  throw new GantryError('cancelled', 'loading was given up', {}, { cause: signal.reason })
}

interface Loading {
  readonly limits: UnpackLimits
  readonly lines: ProgressLines
  readonly request: LoadRequest
}

async function receive(context: ImageContext, { folder, limits, lines, request }: Loading & { folder: string }): Promise<ArchiveFiles> {
  const files = new ArchiveFiles(folder)
  await context.unpacker.archive(await channelInput(request.channel), folder, {
    // Compressed layers make the whole smaller than what it unpacks to; each layer is held to the limit by itself later.
    limits,
    signal: request.signal,
    onMember: (member) => files.add(member),
    onProgress: (current) => lines.send({ status: 'downloading', current }),
  })
  return files
}

async function store(
  context: ImageContext,
  { image, files, limits, lines, request }: Loading & { image: ArchivedImage; files: ArchiveFiles },
): Promise<string> {
  const { content } = context
  const manifestDigest = await content.write(image.manifest)
  const manifest = parseManifest(image.manifest)
  await content.write(image.config)
  const blobs = new Map(image.layers.map((layer) => [layer.digest, layer.file]))
  const stored = await storeImage(context, {
    projectId: request.projectId,
    manifest,
    manifestDigest,
    references: image.references,
    limits,
    signal: request.signal,
    onProgress: (progress) => lines.send(progress),
    unpacked: (index) => {
      const file = blobs.get(manifest.layers[index]?.digest ?? '')
      return file?.layer && { ...file.layer, folder: join(files.folder, `${file.stored}.layer`) }
    },
    layerReady: async (index) => {
      const digest = manifest.layers[index]?.digest ?? ''
      const file = blobs.get(digest)
      if (content.has(digest)) return
      if (!file) throw new GantryError('invalid_input', `the archive has no content for layer ${digest}`)
      await content.adopt(join(files.folder, file.stored), digest)
    },
  })
  context.events.emit({ type: 'image', action: 'load', id: stored.id, projectId: request.projectId, attributes: { name: stored.id } })
  return stored.id
}

/** JSON lines on the channel. What the peer does not read in time is dropped but for the last word, so that a slow reader delays nothing. */
class ProgressLines {
  readonly #channel: ByteChannel
  #writing: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(channel: ByteChannel) {
    this.#channel = channel
  }

  send(progress: LoadLine): void {
    if (this.#waiting > 64 && 'status' in progress && progress.status !== 'loaded') return
    this.#waiting++
    const bytes = Buffer.from(`${JSON.stringify(progress)}\n`)
    this.#writing = this.#writing
      .then(() => this.#channel.write(bytes))
      .then(
        () => void this.#waiting--,
        () => void this.#waiting--,
      )
  }

  async end(): Promise<void> {
    await this.#writing
  }
}
