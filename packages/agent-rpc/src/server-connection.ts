import { randomBytes } from 'node:crypto'
import { Socket, type SocketConstructorOpts } from 'node:net'
import { type AgentHandlers, type AgentMethod, GantryError, agentMethods, invalidInput } from '@gantry/contracts'
import { DuplexChannel } from './channel.ts'
import { SendWindow } from './flow.ts'
import type { Tickets } from './tickets.ts'
import { FrameReader, encodeFrame, encodeText, frameTypes, headerBytes, maxRequestBytes } from './frame.ts'

/** Requests one connection may have open at once. */
export const maxOpenRequests = 4096
/** Unsent bytes at which the connection takes no more requests until its peer reads. */
const outputHighWaterBytes = 8 * 1024 * 1024

interface OpenRequest {
  readonly abort: AbortController
  readonly channel?: DuplexChannel
  readonly window?: SendWindow
  timer?: NodeJS.Timeout
}
type Report = (error: unknown, method: string, errorId: string) => void
type AnyHandler = (input: unknown, second: unknown, third?: unknown) => unknown

/** One client's connection: opens, feeds and closes its requests. Any breach of the framing ends the connection. */
export class ServerConnection {
  readonly #socket: Socket
  readonly #handlers: AgentHandlers
  readonly #report: Report
  readonly #tickets: Tickets
  readonly #requests = new Map<number, OpenRequest>()
  #broken = false
  #frames = 0

  constructor(socket: Socket, handlers: AgentHandlers, { report, tickets }: { report: Report; tickets: Tickets }) {
    this.#socket = socket
    this.#handlers = handlers
    this.#report = report
    this.#tickets = tickets
    const reader = new FrameReader(maxRequestBytes, (type, id, payload) => this.#receive(type, id, payload))
    socket.on('data', (chunk) => {
      if (this.#broken) return
      try {
        reader.push(chunk)
      } catch (error) {
        this.#breach(error)
      }
      if (socket.writableLength > outputHighWaterBytes) this.#pause()
    })
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => this.#abortAll('the client has gone'))
  }

  close(): void {
    this.#abortAll('the agent is shutting down')
    this.#socket.destroy()
  }

  #pause(): void {
    this.#socket.pause()
    this.#socket.once('drain', () => this.#socket.resume())
  }

  /** The peer does not speak our framing: say why on request 0, then hang up. */
  #breach(error: unknown): void {
    const wire = error instanceof GantryError ? error : new GantryError('invalid_input', 'malformed frame')
    this.#broken = true
    this.#socket.write(encodeText(frameTypes.error, 0, JSON.stringify(wire.toWire())))
    this.#socket.destroySoon()
    setTimeout(() => this.#socket.destroy(), 1000).unref()
    this.#abortAll(wire.message)
  }

  #abortAll(reason: string): void {
    for (const [id, request] of this.#requests) {
      this.#requests.delete(id)
      const error = new GantryError('cancelled', reason)
      clearTimeout(request.timer)
      request.channel?.close(error)
      request.window?.close(error)
      request.abort.abort(error)
    }
  }

  /** From now on the connection is raw and another's. The client sends nothing before it has read the one byte. */
  #redeem(ticket: Buffer): void {
    this.#broken = true
    const socket = afresh(this.#socket)
    if (!this.#tickets.redeem(ticket, socket)) socket.destroy()
    else socket.write('.')
  }

  #receive(type: number, id: number, payload: Buffer): void {
    if (type === frameTypes.redeem && this.#frames === 0) {
      this.#redeem(payload)
      return
    }
    this.#frames++
    if (type === frameTypes.open) {
      this.#open(id, payload)
      return
    }
    const request = this.#requests.get(id)
    // Frames that crossed with our answer.
    if (!request) return
    if (type === frameTypes.cancel) request.abort.abort(new GantryError('cancelled', 'cancelled by the caller'))
    else if (type === frameTypes.credit) {
      if (payload.length !== 4) throw new GantryError('invalid_input', 'malformed credit frame')
      request.channel?.window.grant(payload.readUInt32BE(0))
      request.window?.grant(payload.readUInt32BE(0))
    } else if (type === frameTypes.data) {
      // Copied, because the reader's buffer is much larger than what may wait here.
      if (request.channel && !request.channel.incoming.push(Uint8Array.from(payload), payload.length)) {
        throw new GantryError('invalid_input', 'more bytes than were granted')
      }
    } else if (type === frameTypes.end) request.channel?.incoming.end()
    else throw new GantryError('invalid_input', `unknown frame type ${type}`)
  }

  #open(id: number, payload: Buffer): void {
    if (this.#requests.has(id)) throw new GantryError('invalid_input', `request ${id} is open already`)
    if (this.#requests.size >= maxOpenRequests) {
      this.#fail(id, 'open', new GantryError('unavailable', `${maxOpenRequests} requests are open on this connection`))
      return
    }
    const opened = parseOpen(payload)
    if (opened instanceof GantryError) {
      this.#fail(id, 'open', opened)
      return
    }
    const { method, input, timeoutMs } = opened
    const kind = agentMethods[method].kind
    const abort = new AbortController()
    const bulk = kind === 'duplex' && opened.bulk ? this.#tickets.issue(abort.signal) : undefined
    const request: OpenRequest = {
      abort,
      channel: kind === 'duplex' ? new DuplexChannel(id, (frame) => this.#send(id, frame), bulk?.socket) : undefined,
      window: kind === 'stream' ? new SendWindow() : undefined,
    }
    this.#requests.set(id, request)
    // Nobody grants room to write any more: whoever waits for some would wait for ever, with all it holds.
    const { channel } = request
    if (channel) abort.signal.addEventListener('abort', () => channel.window.close(cancelledBy(abort.signal.reason)), { once: true })
    if (timeoutMs !== undefined) {
      const reason = new GantryError('timeout', `${method} did not finish within ${timeoutMs} ms`)
      request.timer = setTimeout(() => request.abort.abort(reason), timeoutMs)
    }
    if (bulk) this.#send(id, encodeFrame(frameTypes.ticket, id, bulk.ticket))
    this.#run(id, method, input, request).catch((error) => this.#fail(id, method, error))
  }

  async #run(id: number, method: AgentMethod, input: unknown, request: OpenRequest): Promise<void> {
    const parsed = agentMethods[method].input.safeParse(input)
    if (!parsed.success) throw invalidInput(parsed.error)
    const handler = (this.#handlers as unknown as Record<string, AnyHandler>)[method]
    if (!handler) throw new GantryError('unsupported', `${method} is not offered by this agent`, { value: method })
    const { signal } = request.abort
    if (request.window) {
      await this.#pump(id, handler(parsed.data, signal) as AsyncIterable<unknown>, request.window, signal)
      this.#answer(id, encodeFrame(frameTypes.result, id))
      return
    }
    const output = request.channel ? await handler(parsed.data, request.channel, signal) : await handler(parsed.data, signal)
    this.#answer(id, encodeText(frameTypes.result, id, JSON.stringify(output)))
  }

  async #pump(id: number, items: AsyncIterable<unknown>, window: SendWindow, signal: AbortSignal): Promise<void> {
    const onAbort = () => window.close(signal.reason)
    signal.addEventListener('abort', onAbort)
    for await (const item of items) {
      await window.ready()
      const frame = encodeText(frameTypes.item, id, JSON.stringify(item))
      window.take(frame.length - headerBytes)
      this.#send(id, frame)
    }
    signal.throwIfAborted()
  }

  #fail(id: number, method: string, error: unknown): void {
    this.#answer(id, encodeText(frameTypes.error, id, JSON.stringify(this.#public(error, method).toWire())))
  }

  /** What the client may see of a failure. */
  #public(error: unknown, method: string): GantryError {
    const known = error instanceof GantryError ? error : exhausted(error)
    if (known) return known
    const errorId = randomBytes(4).toString('hex')
    this.#report(error, method, errorId)
    return new GantryError('internal', `internal error ${errorId}; the agent's log has the details`)
  }

  #answer(id: number, frame: Buffer): void {
    const request = this.#requests.get(id)
    if (request) {
      clearTimeout(request.timer)
      this.#requests.delete(id)
      if (request.channel || request.window) closeStreams(request)
    }
    if (this.#socket.writable) this.#socket.write(frame)
  }

  #send(id: number, frame: Buffer): void {
    if (this.#requests.has(id) && this.#socket.writable) this.#socket.write(frame)
  }
}

/**
 * The same connection as a socket that reads nothing by itself. A socket that has begun to read goes on until its buffer is full, also
 * when it is paused, and what it has read the program that gets the descriptor would miss; so the handle is taken from it.
 */
function afresh(socket: Socket): Socket {
  const holder = socket as unknown as { _handle: unknown }
  const options = { handle: holder._handle, pauseOnCreate: true }
  holder._handle = null
  socket.destroy()
  return new Socket(options as SocketConstructorOpts)
}

/** What the machine ran out of, whichever part of the agent met it; undefined for any other failure. */
function exhausted(error: unknown): GantryError | undefined {
  const errno = (error as NodeJS.ErrnoException | undefined)?.code
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    const remedy = 'remove unused images, containers or volumes, or enlarge the disk'
    return new GantryError('no_space', "the disk with the agent's data is full", { errno, remedy }, { cause: error })
  }
  if (errno === 'EMFILE' || errno === 'ENFILE' || errno === 'ENOMEM') {
    return new GantryError(
      'unavailable',
      `the agent has run out of ${errno === 'ENOMEM' ? 'memory' : 'open files'}`,
      { errno },
      { cause: error },
    )
  }
  return undefined
}

function cancelledBy(reason: unknown): GantryError {
  return reason instanceof GantryError ? reason : new GantryError('cancelled', 'the request was cancelled', {}, { cause: reason })
}

/** Whatever the handler of a stream still holds on to can stop now. */
function closeStreams(request: OpenRequest): void {
  const over = new GantryError('wrong_state', 'the request has ended')
  request.channel?.close(over)
  if (!request.abort.signal.aborted) request.abort.abort(over)
}

function parseOpen(payload: Buffer): { method: AgentMethod; input: unknown; timeoutMs?: number; bulk: boolean } | GantryError {
  let value: unknown
  try {
    value = JSON.parse(payload.toString('utf8'))
  } catch {
    return new GantryError('invalid_input', 'request is not JSON')
  }
  if (typeof value !== 'object' || value === null) return new GantryError('invalid_input', 'request is not an object')
  const { method, input, timeoutMs, ...rest } = value as Record<string, unknown>
  const bulk = rest.bulk === true
  if (typeof method !== 'string') return new GantryError('invalid_input', 'request names no method')
  if (!Object.hasOwn(agentMethods, method)) return new GantryError('unsupported', `unknown method ${method.slice(0, 64)}`)
  if (timeoutMs === undefined) return { method: method as AgentMethod, input, bulk }
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0)) return new GantryError('invalid_input', 'timeoutMs must be a positive number')
  return { method: method as AgentMethod, input, timeoutMs: Math.min(timeoutMs, 2 ** 31 - 1), bulk }
}
