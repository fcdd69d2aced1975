import { GantryError, type Progress, type RegistryAuth } from '@gantry/contracts'
import type { ImageContext } from '../context.ts'
import { findImage } from '../find-image.ts'
import { type Descriptor, parseManifest } from '../manifest.ts'
import { reporting } from '../progress-queue.ts'
import { familiar, parseReference, repositoryName } from '../reference.ts'
import { RegistryClient } from './client.ts'
import { withRetry } from './retry.ts'

export interface PushRequest {
  readonly projectId: string
  readonly reference: string
  readonly auth?: RegistryAuth | undefined
  readonly signal: AbortSignal
}

/** Sends an image under the name it has, or the name given, to that name's registry: layers it lacks, config, manifest. */
export function pushImage(context: ImageContext, request: PushRequest): AsyncGenerator<Progress> {
  return reporting(request.signal, (signal, report) => push(context, { ...request, signal }, report))
}

async function push(context: ImageContext, request: PushRequest, report: (line: Progress) => void): Promise<void> {
  const reference = parseReference(request.reference)
  if (!reference.tag)
    throw new GantryError('invalid_input', `cannot push "${request.reference}": give a tag, not a digest`, { field: 'reference' })
  const { image } = findImage(context, request.projectId, request.reference)
  const lease = context.leases.take()
  lease.add(image.id, image.manifest, ...image.layers.map((layer) => layer.digest))
  try {
    const bytes = await context.content.read(image.manifest)
    const manifest = parseManifest(bytes)
    const { signal } = request
    const client = new RegistryClient({
      ...reference,
      access: 'pull,push',
      auth: request.auth,
      privateRegistries: context.privateRegistries,
      signal,
    })
    for (const layer of manifest.layers) report({ id: layer.digest.slice(7, 19), status: 'waiting' })
    for (const blob of new Map([...manifest.layers, manifest.config].map((descriptor) => [descriptor.digest, descriptor])).values()) {
      const upload = { client, blob, report: blob === manifest.config ? () => undefined : report }
      await withRetry(() => pushBlob(context, upload), { signal })
    }
    const put = {
      method: 'PUT',
      target: `manifests/${reference.tag}`,
      headers: { 'content-type': image.manifestMediaType, 'content-length': String(bytes.length) },
      body: () => bytes,
    } as const
    await withRetry(() => client.document(put, { accept: [200, 201, 202], what: `cannot push ${familiar(reference)}` }), { signal })
    await context.records.change(request.projectId, (project) => {
      if (project.images.includes(image.id)) project.digests[`${repositoryName(reference)}@${image.manifest}`] = image.id
    })
    context.events.emit({
      type: 'image',
      action: 'push',
      id: image.id,
      projectId: request.projectId,
      attributes: { name: familiar(reference) },
    })
    report({ status: 'done', message: familiar(reference), digest: image.manifest, total: bytes.length })
  } finally {
    lease.release()
  }
}

interface Upload {
  readonly client: RegistryClient
  readonly blob: Descriptor
  readonly report: (line: Progress) => void
}

/** distribution-spec, "Pushing a blob monolithically": POST for a place, PUT there. */
async function pushBlob(context: ImageContext, { client, blob, report }: Upload): Promise<void> {
  const id = blob.digest.slice(7, 19)
  const what = `cannot push layer ${blob.digest}`
  const head = await client.send({ method: 'HEAD', target: `blobs/${blob.digest}` })
  head.destroy()
  if (head.statusCode === 200) {
    report({ id, status: 'exists' })
    return
  }
  const place = await client.document(
    { method: 'POST', target: 'blobs/uploads/', headers: { 'content-length': '0' } },
    { accept: [202], what },
  )
  const location = place.headers.location
  if (!location) throw new GantryError('unavailable', `${what}: the registry gave no place to upload to`)
  const target = client.resolve(location)
  target.searchParams.set('digest', blob.digest)
  report({ id, status: 'uploading', current: 0, total: blob.size })
  const body = () =>
    counted(context.content.stream(blob.digest), (current) => report({ id, status: 'uploading', current, total: blob.size }))
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) }
  await client.document({ method: 'PUT', target, headers, body }, { accept: [201, 202, 204], what })
  report({ id, status: 'pushed' })
}

async function* counted(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of chunks) {
    yield chunk
    bytes += chunk.length
    onBytes(bytes)
  }
}
