import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { open, statfs } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { posix } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { findHost, pinnedTo } from '../image/registry/address.ts'
import type { UnpackLimits } from '../kernel/unpack.ts'

export interface FetchRequest {
  readonly url: string
  /** File that it is written to. */
  readonly path: string
  /** True for who may use the host's own network: loopback, private and link-local addresses are open to nobody else. */
  readonly anywhere: boolean
  readonly limits: Pick<UnpackLimits, 'maxBytes' | 'reserveBytes'>
  readonly signal: AbortSignal
  readonly onProgress: (current: number, total: number | undefined) => Promise<void>
}

export interface Fetched {
  /** From the address or the answer's header; '' where neither names it. */
  readonly name: string
  readonly contentType: string
  /** sha256 in hex. */
  readonly digest: string
  readonly bytes: number
  /** `Last-Modified`, else the beginning of time, as Docker's builder has it. */
  readonly modified: Date
}

/** No byte for so long means that the connection is dead. */
const idleTimeoutMs = 60_000
const maxRedirects = 10
const progressEveryBytes = 4 * 1024 * 1024

export const isWebAddress = (text: string): boolean => /^https?:\/\//.test(text)

/**
 * Fetches a file for a build. The name is looked up once per request and the connection made to the address that was judged; every
 * redirect is judged again. The host fetches with its own network, hence what not everybody may ask for.
 */
export async function fetchFile(request: FetchRequest): Promise<Fetched> {
  const { response, url } = await follow(request)
  try {
    if (response.statusCode !== 200) throw await refusal(response, request.url)
    const { digest, bytes } = await receive(response, request)
    const modified = new Date(response.headers['last-modified'] ?? 0)
    return {
      name: nameOf(url, response.headers['content-disposition']),
      contentType: (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
      ...{ digest, bytes, modified: Number.isNaN(modified.getTime()) ? new Date(0) : modified },
    }
  } finally {
    response.destroy()
  }
}

async function follow(request: FetchRequest): Promise<{ response: http.IncomingMessage; url: URL }> {
  let url = parseAddress(request.url)
  const first = url
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await ask(url, request)
    const { location } = response.headers
    if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || !location) return { response, url: first }
    response.destroy()
    url = parseAddress(new URL(location, url).href)
  }
  throw new GantryError('unavailable', `${request.url} redirects more than ${maxRedirects} times`)
}

function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new GantryError('invalid_input', `${text} is no address that can be fetched from`, { value: text })
}

async function ask(url: URL, { anywhere, signal }: FetchRequest): Promise<http.IncomingMessage> {
  const host = await findHost(url.hostname, 'host')
  if (!anywhere && (host.loopback || host.inner)) {
    throw new GantryError(
      'forbidden',
      `${url.hostname} has the private address ${host.address}, which only host administrators may fetch from`,
      {
        value: url.hostname,
        remedy: 'fetch it in a RUN step, which has the network of the project',
      },
    )
  }
  const outgoing = (url.protocol === 'https:' ? https : http).get(url, {
    headers: { 'user-agent': 'gantry', 'accept-encoding': 'identity' },
    lookup: pinnedTo(host),
    timeout: idleTimeoutMs,
    signal,
  })
  outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
  try {
    const [response] = (await once(outgoing, 'response')) as [http.IncomingMessage]
    return response
  } catch (cause) {
    throw broken(`${url.host} cannot be reached`, signal, cause)
  }
}

function broken(what: string, signal: AbortSignal, cause: unknown): GantryError {
  if (signal.aborted) return new GantryError('cancelled', 'the request was cancelled', {}, { cause })
  const errno = (cause as NodeJS.ErrnoException).code
  return new GantryError('unavailable', errno ? `${what} (${errno})` : what, errno ? { errno } : {}, { cause })
}

async function receive(response: http.IncomingMessage, request: FetchRequest): Promise<{ digest: string; bytes: number }> {
  const { limits, path, url, signal, onProgress } = request
  const announced = Number(response.headers['content-length'])
  const total = Number.isSafeInteger(announced) ? announced : undefined
  await checkRoom(request, total ?? 0)
  const hash = createHash('sha256')
  const file = await open(path, 'wx', 0o600)
  let bytes = 0
  let told = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > limits.maxBytes) throw tooLarge(url, limits.maxBytes)
      hash.update(chunk)
      await file.write(chunk)
      if (bytes - told < progressEveryBytes) continue
      told = bytes
      await checkRoom(request, 0)
      await onProgress(bytes, total)
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (cause instanceof GantryError || code === 'ENOSPC' || code === 'EDQUOT') throw cause
    throw broken(`the connection broke after ${bytes} bytes of ${url}`, signal, cause)
  } finally {
    await file.close()
  }
  if (total !== undefined && bytes < total)
    throw new GantryError('unavailable', `the connection ended after ${bytes} of ${total} bytes of ${url}`)
  await onProgress(bytes, total ?? bytes)
  return { digest: hash.digest('hex'), bytes }
}

async function checkRoom({ url, limits, path }: FetchRequest, announced: number): Promise<void> {
  if (announced > limits.maxBytes) throw tooLarge(url, limits.maxBytes)
  const { bavail, bsize } = await statfs(posix.dirname(path))
  if (bavail * bsize - announced >= limits.reserveBytes) return
  throw new GantryError('no_space', `${url} would fill the disk`, {
    remedy: 'remove unused images (image prune) or volumes, or enlarge the disk',
  })
}

const tooLarge = (url: string, limit: number) =>
  new GantryError('quota_exceeded', `${url} is larger than the ${limit} bytes that are left`, {
    limit: `${limit} bytes`,
    remedy: 'fetch something smaller or ask for a higher disk limit',
  })

async function refusal(response: http.IncomingMessage, url: string): Promise<GantryError> {
  const status = response.statusCode ?? 0
  let said = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    said += chunk.toString('utf8')
    if (said.length >= 200) break
  }
  const words = said
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200)
  const text = `failed to GET ${url} with status ${status} ${response.statusMessage ?? ''}`.trim()
  return new GantryError(status === 404 ? 'not_found' : 'invalid_input', words ? `${text}: ${words}` : text, { value: url })
}

/** The last part of the path, else what the server calls it. */
function nameOf(url: URL, disposition: string | undefined): string {
  const said = /(?:^|;)\s*filename="?([^";]+)"?/i.exec(disposition ?? '')?.[1] ?? ''
  for (const path of [decoded(url.pathname), said]) {
    const name = posix.basename(path)
    if (!path.endsWith('/') && name !== '' && name !== '.' && name !== '..' && !name.includes('\0')) return name
  }
  return ''
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
