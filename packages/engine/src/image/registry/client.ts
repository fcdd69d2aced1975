import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { GantryError, type RegistryAuth } from '@gantry/contracts'
import { maxDocumentBytes } from '../manifest.ts'
import { checkHost, type CheckedHost, isLoopbackName, pinnedTo } from './address.ts'
import { basicHeader, parseChallenge, parseToken, tokenRequest } from './auth.ts'

/** No byte for so long means that the connection is dead. */
const idleTimeoutMs = 30_000
const maxRedirects = 5

export interface RegistryOptions {
  /** `host[:port]`, or `docker.io`. */
  readonly registry: string
  readonly repository: string
  /** `login`: only to see whether the credentials are right. */
  readonly access: 'pull' | 'pull,push' | 'login'
  readonly auth?: RegistryAuth | undefined
  /** Private registries the administrator allows; `http://host:port` allows plain HTTP as well. */
  readonly privateRegistries: readonly string[]
  readonly signal: AbortSignal
}

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH'
  /** Path after `/v2/<repository>/`, or an absolute address that the registry gave. */
  readonly target: string | URL
  readonly headers?: Record<string, string>
  /** Called again when the request has to be repeated with credentials. */
  readonly body?: () => AsyncIterable<Uint8Array> | Uint8Array
}

interface Authorization {
  header: string
  until: number
}

/**
 * One repository at one registry, by the OCI distribution protocol. Addresses are looked up once per request, checked and pinned; every
 * redirect is checked again; credentials go to the registry and its token server only.
 */
export class RegistryClient {
  readonly #options: RegistryOptions
  readonly #host: string
  readonly #base: URL
  readonly #loopback: boolean
  #authorization: Authorization | undefined
  /** What a token server gave to be kept in place of the password. */
  identityToken = ''

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#host = options.registry === 'docker.io' ? 'registry-1.docker.io' : options.registry
    this.#loopback = isLoopbackName(new URL(`http://${this.#host}`).hostname)
    const plain = this.#loopback || options.privateRegistries.includes(`http://${this.#host}`)
    this.#base = new URL(`${plain ? 'http' : 'https'}://${this.#host}/v2/${options.repository ? `${options.repository}/` : ''}`)
    const token = options.auth?.registryToken
    if (token) this.#authorization = { header: `Bearer ${token}`, until: Number.POSITIVE_INFINITY }
  }

  /** Sends the request, following redirects of GET and HEAD, and returns whatever status comes. The body must be read or destroyed. */
  async send(request: RegistryRequest): Promise<http.IncomingMessage> {
    const first = await this.#follow(request)
    if (first.statusCode !== 401) return first
    const challenge = parseChallenge(first.headers['www-authenticate'])
    first.destroy()
    await this.#authorize(challenge)
    return this.#follow(request)
  }

  /** As `send`, for a small answer read whole; statuses other than those in `accept` become errors that name `what`. */
  async document(
    request: RegistryRequest,
    options: { accept: readonly number[]; what: string },
  ): Promise<{ headers: http.IncomingHttpHeaders; body: Buffer }> {
    const response = await this.send(request)
    if (!options.accept.includes(response.statusCode ?? 0)) throw await this.failure(response, options.what)
    return { headers: response.headers, body: await readLimited(response) }
  }

  /** An address that the registry gave, which may be relative. */
  resolve(location: string): URL {
    return new URL(location, this.#base)
  }

  /** The error that a refused request becomes. */
  async failure(response: http.IncomingMessage, what: string): Promise<GantryError> {
    const status = response.statusCode ?? 0
    const said = registryMessage(await readLimited(response).catch(() => Buffer.alloc(0)))
    const registry = this.#options.registry
    const text = `${what}: registry ${registry} ${said ? `says "${said}"` : `answered ${status}`}`
    if (status === 401 || status === 403) {
      const remedy = 'check the name, or give a user name and password for this registry'
      return new GantryError('forbidden', `${what}: access denied by registry ${registry}`, { remedy })
    }
    if (status === 404) return new GantryError('not_found', text)
    if (status === 429) return new GantryError('rate_limited', text, { remedy: 'wait, or sign in to the registry' })
    return new GantryError(status >= 500 ? 'unavailable' : 'invalid_input', text)
  }

  async #follow(request: RegistryRequest): Promise<http.IncomingMessage> {
    let url = typeof request.target === 'string' ? new URL(request.target, this.#base) : request.target
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const own = url.host === this.#base.host && url.protocol === this.#base.protocol
      const authorization = own ? this.#currentAuthorization() : undefined
      const response = await this.#once(url, { ...request, headers: { ...request.headers, ...(authorization ? { authorization } : {}) } })
      const location = response.headers.location
      const redirected = [301, 302, 303, 307, 308].includes(response.statusCode ?? 0)
      if (!redirected || !location || (request.method !== 'GET' && request.method !== 'HEAD')) return response
      response.destroy()
      const next = new URL(location, url)
      if (url.protocol === 'https:' && next.protocol !== 'https:')
        throw new GantryError('forbidden', `registry ${this.#host} redirects from HTTPS to ${next.protocol}`)
      url = next
    }
    throw new GantryError('unavailable', `registry ${this.#host} redirects more than ${maxRedirects} times`)
  }

  async #once(url: URL, request: RegistryRequest): Promise<http.IncomingMessage> {
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      throw new GantryError('forbidden', `registry ${this.#host} leads to ${url.protocol}`)
    const { privateRegistries } = this.#options
    const inner = [url.host, `http://${url.host}`].some((host) => privateRegistries.includes(host))
    const host = await checkHost(url.hostname, { loopback: this.#loopback || inner, inner })
    if (url.protocol === 'http:' && !host.loopback && !privateRegistries.includes(`http://${url.host}`)) {
      throw new GantryError('forbidden', `registry ${url.host} would be spoken to without encryption`, {
        remedy: 'use a registry with HTTPS',
      })
    }
    return sendOnce(url, request, { host, signal: this.#options.signal })
  }

  #currentAuthorization(): string | undefined {
    return this.#authorization && this.#authorization.until > Date.now() ? this.#authorization.header : undefined
  }

  async #authorize(challenge: ReturnType<typeof parseChallenge>): Promise<void> {
    const { auth, repository, access, registry } = this.#options
    const denied = () =>
      new GantryError('forbidden', `access to ${repository || 'everything'} denied by registry ${registry}`, {
        remedy: auth ? 'check user name and password' : 'check the name, or give a user name and password for this registry',
      })
    if (!challenge || (challenge.scheme === 'basic' && !auth)) throw denied()
    if (challenge.scheme === 'basic' && auth) {
      this.#authorization = { header: basicHeader(auth), until: Number.POSITIVE_INFINITY }
      return
    }
    if (challenge.scheme !== 'bearer') throw denied()
    const login = access === 'login'
    const token = tokenRequest(challenge, { auth, scope: login ? '' : `repository:${repository}:${access}`, offline: login })
    const body = token.body
    const response = await this.#once(token.url, {
      method: token.method,
      target: token.url,
      headers: token.headers,
      ...(body ? { body: () => Buffer.from(body) } : {}),
    })
    if (response.statusCode === 401 || response.statusCode === 403) {
      response.destroy()
      throw denied()
    }
    if (response.statusCode !== 200) throw await this.failure(response, 'fetching a token')
    const { token: value, until, refresh = '' } = parseToken(await readLimited(response), Date.now())
    this.identityToken = refresh
    this.#authorization = { header: `Bearer ${value}`, until }
  }
}

async function sendOnce(
  url: URL,
  request: RegistryRequest,
  options: { host: CheckedHost; signal: AbortSignal },
): Promise<http.IncomingMessage> {
  const send = url.protocol === 'https:' ? https.request : http.request
  const outgoing = send(url, {
    method: request.method,
    headers: { 'user-agent': 'gantry', ...request.headers },
    lookup: pinnedTo(options.host),
    signal: options.signal,
    timeout: idleTimeoutMs,
  })
  outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
  const answered = once(outgoing, 'response') as Promise<[http.IncomingMessage]>
  answered.catch(() => undefined)
  try {
    await writeBody(outgoing, request.body?.())
    const [response] = await answered
    return response
  } catch (cause) {
    if (options.signal.aborted) throw new GantryError('cancelled', 'the request was cancelled', {}, { cause })
    if (cause instanceof GantryError) throw cause
    const errno = (cause as NodeJS.ErrnoException).code
    throw new GantryError(
      'unavailable',
      `registry ${url.host} cannot be reached${errno ? ` (${errno})` : ''}`,
      { ...(errno ? { errno } : {}) },
      { cause },
    )
  }
}

async function writeBody(outgoing: http.ClientRequest, body: AsyncIterable<Uint8Array> | Uint8Array | undefined): Promise<void> {
  if (body instanceof Uint8Array) {
    outgoing.end(body)
    return
  }
  const failed = once(outgoing, 'close')
  failed.catch(() => undefined)
  for await (const chunk of body ?? []) {
    if (outgoing.destroyed) break
    if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain'), failed])
  }
  outgoing.end()
}

async function readLimited(response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxDocumentBytes) {
      response.destroy()
      throw new GantryError('invalid_input', 'the registry’s answer is larger than a document may be', {
        limit: `${maxDocumentBytes} bytes`,
      })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The first message of a registry's error body, cut to something that fits on a line. */
function registryMessage(body: Buffer): string | undefined {
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as { errors?: { message?: unknown }[] }
    const message = errors?.[0]?.message
    return typeof message === 'string' ? message.replace(/[^\x20-\x7e]/g, ' ').slice(0, 200) : undefined
  } catch {
    return undefined
  }
}
