import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { GantryError, invalidInput } from '@gantry/contracts'
import type { Backend, Caller, StreamCase, UseCase } from '@gantry/core'
import type { z } from 'zod'
import { renderError } from './errors.ts'
import { readQuery } from './query.ts'
import type { Call, Reply, Route } from './route.ts'
import { drain } from './wire/drain.ts'
import { destroyWhenPeerIsGone } from './wire/gone-peer.ts'
import { HijackedStream } from './wire/hijack.ts'
import { parseJsonBody, readBody, takeBody } from './wire/read-body.ts'
import { ReplyStream } from './wire/reply-stream.ts'
import { acceptWebSocket, isHandshake } from './wire/web-socket.ts'

/** Who asks, and in which project. */
export interface DockerCaller {
  caller: Caller
  projectId: string
}

/** What an exchange is about, once the table has been asked. */
export interface Found {
  route: Route
  params: Record<string, string>
  version: number
  search: string
}

/** One request and its answer, on HTTP or on a connection that asked to be taken over. */
export class Exchange implements Call {
  readonly request: IncomingMessage
  readonly #response: ServerResponse
  readonly #backend: Backend
  readonly #abort = new AbortController()
  /** The connection, where the client asked for an upgrade. */
  readonly #upgraded: boolean
  #head: Buffer
  #who: DockerCaller | undefined
  version = 0
  params: Record<string, string> = {}
  query: unknown
  body: unknown

  constructor(backend: Backend, request: IncomingMessage, response: ServerResponse, upgrade?: { head: Buffer }) {
    this.#backend = backend
    this.request = request
    this.#response = response
    this.#upgraded = upgrade !== undefined
    this.#head = upgrade?.head ?? Buffer.alloc(0)
    response.once('close', () => this.#abort.abort())
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }
  get projectId(): string {
    return this.#caller.projectId
  }
  get mayReachHost(): boolean {
    return this.#caller.caller.user?.hostAdmin ?? false
  }
  get #caller(): DockerCaller {
    if (!this.#who) throw new GantryError('internal', 'nobody was identified')
    return this.#who
  }

  /** Parses the request, has the row handle it, and answers. */
  async serve({ route, params, version, search }: Found, who: DockerCaller): Promise<void> {
    this.#who = who
    this.version = version
    this.params = params
    this.query = route.query && parse(route.query, readQuery(search))
    if (route.body) this.body = parse(route.body, parseJsonBody(this.request, await this.#readBody(), route.emptyBody))
    // Some clients send their options once more as a body; what follows it is input.
    else if (route.hijacks && this.request.headers['content-length'] !== undefined) await this.#readBody()
    const reply = await route.handle(this)
    if (reply) this.#answer(reply)
  }

  /** The failure as Docker tells it. An answer that is under way already is cut off. */
  fail(error: unknown): void {
    if (this.#response.headersSent || !this.#response.socket) {
      this.#response.destroy()
      return
    }
    const { status, message } = renderError(error)
    if (this.request.complete || this.#upgraded) this.#answer({ status, body: { message } })
    else void this.#answerEarly({ status, body: { message } })
  }

  /**
   * The client still sends its body. Were the connection closed with some of that unread, the kernel would reset it, and the client
   * could lose the answer: it is read away first, unless it is known to be long.
   */
  async #answerEarly(reply: Reply): Promise<void> {
    this.#response.setHeader('connection', 'close')
    const content = this.#writeHead(reply)
    this.#response.write(content)
    if (reply.status !== 413) await drain(this.request)
    this.#response.end()
  }

  run<S extends z.ZodType, O>(useCase: UseCase<S, O>, input: unknown): Promise<O> {
    return useCase.execute(this.#backend, this.#caller.caller, this.#inProject(input))
  }

  watch<S extends z.ZodType, T>(streamCase: StreamCase<S, T>, input: unknown, end?: AbortSignal): AsyncGenerator<T> {
    const signal = end ? AbortSignal.any([this.signal, end]) : this.signal
    return streamCase.execute(this.#backend, this.#caller.caller, this.#inProject(input), signal)
  }

  /** Use cases about the whole machine take no input. */
  #inProject(input: unknown): unknown {
    return input === undefined ? undefined : { ...(input as object), projectId: this.projectId }
  }

  stream(contentType: string, headers: Record<string, string> = {}): ReplyStream {
    return new ReplyStream(this.#response, { 'content-type': contentType, ...headers })
  }

  hijack(contentType: string): HijackedStream {
    const { socket } = this.#response
    if (!socket) throw new GantryError('cancelled', 'the client has gone away')
    const headers = Object.entries(this.#response.getHeaders()).map(([name, value]) => `${name}: ${value}\r\n`)
    const upgrade = this.#upgraded ? 'Connection: Upgrade\r\nUpgrade: tcp\r\n' : ''
    releaseFromHttp(this.#response, socket)
    socket.once('close', () => this.#abort.abort())
    if (!(socket instanceof TLSSocket)) destroyWhenPeerIsGone(socket)
    socket.write(
      `HTTP/1.1 ${this.#upgraded ? '101 UPGRADED' : '200 OK'}\r\nContent-Type: ${contentType}\r\n${upgrade}${headers.join('')}\r\n`,
    )
    return new HijackedStream(socket, this.#head)
  }

  async webSocket(): Promise<HijackedStream> {
    const { socket } = this.#response
    if (!socket) throw new GantryError('cancelled', 'the client has gone away')
    if (!this.#upgraded || !isHandshake(this.request)) throw new GantryError('invalid_input', 'not a WebSocket handshake')
    const { stream, ended } = await acceptWebSocket(this.request, socket, this.#head)
    this.#response.detachSocket(socket)
    void ended.then(() => this.#abort.abort())
    return stream
  }

  /** Bytes that the client sent behind a request on a connection it did not ask to upgrade. */
  addHead(bytes: Buffer): void {
    this.#head = Buffer.concat([this.#head, bytes])
  }

  async #readBody(): Promise<Buffer> {
    if (!this.#upgraded) return readBody(this.request)
    const { body, rest } = await takeBody(this.request, this.request.socket, this.#head)
    this.#head = rest
    return body
  }

  #answer(reply: Reply): void {
    const content = this.#writeHead(reply)
    this.#response.end(this.request.method === 'HEAD' ? undefined : content)
  }

  /** Returns the body that is to follow. */
  #writeHead({ status, body, text, headers = {} }: Reply): string {
    const content = text ?? (body === undefined ? '' : `${JSON.stringify(body)}\n`)
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    // 204 and 304 have neither body nor length.
    const length: Record<string, string> = status === 204 || status === 304 ? {} : { 'content-length': String(Buffer.byteLength(content)) }
    this.#response.writeHead(status, { ...type, ...length, ...headers })
    return content
  }
}

function parse(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw invalidInput(parsed.error)
  return parsed.data
}

/** HTTP's own listeners would read what follows as the next request, and close at the client's half-close. */
function releaseFromHttp(response: ServerResponse, socket: Socket): void {
  socket.removeAllListeners('data')
  socket.removeAllListeners('end')
  response.detachSocket(socket)
  socket.setTimeout(0)
  // A client that breaks off is noticed by the close that follows.
  socket.on('error', () => undefined)
}
