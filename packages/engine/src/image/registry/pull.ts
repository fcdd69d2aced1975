import { GantryError, type Progress, type RegistryAuth } from '@gantry/contracts'
import { SharedWork } from '../../lib/shared-work.ts'
import { type ImageContext, limitsFor } from '../context.ts'
import { sum } from '../list-images.ts'
import {
  type Descriptor,
  chainIds,
  digestOf,
  forPlatform,
  isIndex,
  maxDocumentBytes,
  type Manifest,
  mediaTypes,
  parseConfig,
  parseIndex,
  parseManifest,
  parsePlatform,
} from '../manifest.ts'
import { reporting } from '../progress-queue.ts'
import { familiar, parseReference, type Reference, repositoryName } from '../reference.ts'
import { storeImage } from '../store-image.ts'
import { sweep } from '../sweep.ts'
import { RegistryClient } from './client.ts'
import { downloadBlob } from './download.ts'
import { withRetry } from './retry.ts'

/** Layers of one image fetched at once. */
const parallelDownloads = 3

export interface PullRequest {
  readonly projectId: string
  readonly reference: string
  readonly auth?: RegistryAuth | undefined
  readonly platform?: string | undefined
  readonly limits?: { maxBytes: number } | undefined
  readonly signal: AbortSignal
}

type Downloads = SharedWork<void, number>
type Report = (line: Progress) => void

/** Pulling, with downloads shared between pulls that want the same layer at the same time. */
export function createPuller(context: ImageContext): (request: PullRequest) => AsyncGenerator<Progress> {
  const downloads: Downloads = new SharedWork()
  return (request) => reporting(request.signal, (signal, report) => pull(context, { request: { ...request, signal }, report, downloads }))
}

interface Pull {
  readonly request: PullRequest
  readonly report: Report
  readonly downloads: Downloads
}

async function pull(context: ImageContext, { request, report, downloads }: Pull): Promise<void> {
  const reference = parseReference(request.reference)
  const { signal } = request
  const client = new RegistryClient({
    ...reference,
    access: 'pull',
    auth: request.auth,
    privateRegistries: context.privateRegistries,
    signal,
  })
  const lease = context.leases.take()
  try {
    report({ status: 'resolving', message: familiar(reference) })
    const found = await resolveManifest(client, reference, request)
    const manifest = parseManifest(found.bytes)
    const before = context.records.project(request.projectId).tags[`${repositoryName(reference)}:${reference.tag}`]
    const limits = limitsFor(request.limits)
    checkSizes(manifest, limits.maxBytes)
    lease.add(digestOf(found.bytes), manifest.config.digest, ...manifest.layers.map((layer) => layer.digest))
    const manifestDigest = await context.content.write(found.bytes)
    const fetch = (blob: Descriptor, tell: Report) => fetchBlob(context, { client, blob, downloads, signal, tell })
    await fetch(manifest.config, () => undefined)
    const chain = chainIds(parseConfig(await context.content.read(manifest.config.digest)).rootfs.diff_ids)
    for (const [index, layer] of manifest.layers.entries())
      if (!context.layers.get(chain[index] ?? '')) report({ id: layer.digest.slice(7, 19), status: 'waiting' })
    const layers = startDownloads(manifest, (layer) => fetch(layer, report))
    await storeImage(context, {
      projectId: request.projectId,
      manifest,
      manifestDigest,
      layerReady: async (index) => await layers[index],
      // The digest that the name stands for at the registry is the index's, when there is one.
      references: [{ ...reference, digest: found.digest }],
      limits,
      signal,
      onProgress: report,
    })
    context.events.emit({
      type: 'image',
      action: 'pull',
      id: manifest.config.digest,
      projectId: request.projectId,
      attributes: { name: familiar(reference) },
    })
    const changed = before !== manifest.config.digest
    report({ status: 'done', message: familiar(reference), digest: found.digest, changed })
  } catch (error) {
    lease.release()
    // After a broken connection or a cancellation the layers that came stay, for the next attempt.
    if (!(error instanceof GantryError) || !['unavailable', 'timeout', 'cancelled', 'rate_limited'].includes(error.code))
      await sweep(context)
    throw error
  } finally {
    lease.release()
  }
}

/** The manifest for the platform, and the digest of what the reference itself names. */
async function resolveManifest(
  client: RegistryClient,
  reference: Reference,
  request: PullRequest,
): Promise<{ bytes: Buffer; digest: string }> {
  const what = `cannot pull ${familiar(reference)}`
  const top = await fetchManifest(client, { name: reference.digest ?? reference.tag ?? 'latest', what, signal: request.signal })
  if (!isIndex(top.bytes, top.mediaType)) return { bytes: top.bytes, digest: digestOf(top.bytes) }
  const platform = parsePlatform(request.platform)
  const [chosen] = forPlatform(parseIndex(top.bytes), platform)
  if (!chosen)
    throw new GantryError('not_found', `${what}: there is none for ${platform.os}/${platform.architecture}`, { field: 'platform' })
  const manifest = await fetchManifest(client, { name: chosen.digest, what, signal: request.signal })
  if (isIndex(manifest.bytes, manifest.mediaType)) throw new GantryError('unsupported', `${what}: its index leads to another index`)
  return { bytes: manifest.bytes, digest: digestOf(top.bytes) }
}

const acceptedManifests = [mediaTypes.ociIndex, mediaTypes.dockerList, mediaTypes.ociManifest, mediaTypes.dockerManifest].join(', ')

export async function fetchManifest(
  client: RegistryClient,
  { name, what, signal }: { name: string; what: string; signal: AbortSignal },
): Promise<{ bytes: Buffer; mediaType: string }> {
  const request = { method: 'GET', target: `manifests/${name}`, headers: { accept: acceptedManifests } } as const
  const { headers, body } = await withRetry(() => client.document(request, { accept: [200], what }), { signal })
  const announced = name.startsWith('sha256:') ? name : headers['docker-content-digest']
  if (announced && announced !== digestOf(body))
    throw new GantryError('invalid_input', `${what}: its manifest has the digest ${digestOf(body)}, not ${announced}`)
  return { bytes: body, mediaType: headers['content-type']?.split(';')[0] ?? '' }
}

function checkSizes(manifest: Manifest, maxBytes: number): void {
  const total = sum(manifest.layers.map((layer) => layer.size))
  if (total > maxBytes) {
    throw new GantryError('quota_exceeded', `the image has ${total} bytes of layers, compressed`, {
      limit: `${maxBytes} bytes`,
      asked: `${total} bytes`,
    })
  }
  if (manifest.config.size > maxDocumentBytes) {
    throw new GantryError('invalid_input', `the image config has ${manifest.config.size} bytes`, { limit: `${maxDocumentBytes} bytes` })
  }
}

interface Fetch {
  readonly client: RegistryClient
  readonly blob: Descriptor
  readonly downloads: Downloads
  readonly signal: AbortSignal
  readonly tell: Report
}

async function fetchBlob(context: ImageContext, { client, blob, downloads, signal, tell }: Fetch): Promise<void> {
  const { content } = context
  const id = blob.digest.slice(7, 19)
  if (!content.has(blob.digest)) {
    const onProgress = (current: number) => tell({ id, status: 'downloading', current, total: blob.size })
    const start = (shared: AbortSignal, onBytes: (bytes: number) => void) =>
      downloadBlob({ client, content, blob, signal: shared, onProgress: onBytes })
    await downloads.run(blob.digest, start, { signal, onProgress })
  }
  tell({ id, status: 'downloaded', current: blob.size, total: blob.size })
}

/** Starts the downloads, a few at a time, in the order in which they will be unpacked. */
function startDownloads(manifest: Manifest, fetch: (layer: Descriptor) => Promise<void>): Promise<void>[] {
  const running: Promise<void>[] = []
  for (const [index, layer] of manifest.layers.entries()) {
    const before = running[index - parallelDownloads] ?? Promise.resolve()
    const job = before.then(() => fetch(layer))
    // The failure is met when the layer's turn comes, or never, when an earlier one failed.
    job.catch(() => undefined)
    running.push(job)
  }
  return running
}
