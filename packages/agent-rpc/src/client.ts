import { type Socket, connect } from 'node:net'
import {
  type AgentClient,
  type ByteChannel,
  type CallMethod,
  type DuplexMethod,
  GantryError,
  type InputOf,
  type OutputOf,
  type StreamMethod,
  wireErrorSchema,
} from '@gantry/contracts'
import { BulkChannel } from './bulk-channel.ts'
import { DuplexChannel } from './channel.ts'
import { ReceiveQueue } from './flow.ts'
import { FrameReader, encodeCredit, encodeFrame, encodeText, frameTypes, maxAnswerBytes, maxRequestBytes } from './frame.ts'

/** What the connection does with the frames of one open request. */
interface Request {
  onData?(payload: Buffer): void
  onEnd?(): void
  onCredit?(bytes: number): void
  onTicket?(ticket: Buffer): void
  onItem?(payload: Buffer): void
  /** The agent closed the request. Called exactly once. */
  onClose(outcome: { result: Buffer } | { error: GantryError }): void
}

/**
 * A client of the agent behind `socketPath`. Connects at the first request and again at the next request after a loss;
 * requests that were open at the loss fail with `unavailable` (they are not repeated: pass `operationId` and repeat them yourself).
 */
export function createAgentClient(socketPath: string): AgentClient {
  const connection = new Connection(socketPath)
  return {
    call: (method, input, options = {}) => call(connection, method, input, options),
    stream: (method, input, options = {}) => stream(connection, method, input, options),
    duplex: (method, input, options = {}) => duplex(connection, method, input, options),
    close: () => connection.close(),
  }
}

function call<M extends CallMethod>(
  connection: Connection,
  method: M,
  input: InputOf<M>,
  options: { signal?: AbortSignal; timeoutMs?: number },
): Promise<OutputOf<M>> {
  return new Promise((resolve, reject) => {
    const { signal, timeoutMs } = options
    let timer: NodeJS.Timeout | undefined
    const id = connection.open(
      method,
      input,
      { timeoutMs },
      {
        onClose(outcome) {
          clearTimeout(timer)
          signal?.removeEventListener('abort', onAbort)
          if ('error' in outcome) reject(outcome.error)
          else resolve(parse<OutputOf<M>>(outcome.result))
        },
      },
    )
    const onAbort = () => connection.cancel(id, cancelled(method))
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort)
    if (timeoutMs !== undefined) {
      timer = setTimeout(
        () => connection.cancel(id, new GantryError('timeout', `${method} did not finish within ${timeoutMs} ms`)),
        Math.min(timeoutMs, 2 ** 31 - 1),
      )
    }
  })
}

function stream<M extends StreamMethod>(
  connection: Connection,
  method: M,
  input: InputOf<M>,
  { signal }: { signal?: AbortSignal },
): AsyncIterable<OutputOf<M>> {
  return {
    [Symbol.asyncIterator]() {
      const queue = new ReceiveQueue<OutputOf<M>>(
        (bytes) => connection.send(id, encodeCredit(id, bytes)),
        () => connection.cancel(id, cancelled(method)),
      )
      const onAbort = () => connection.cancel(id, cancelled(method))
      const id = connection.open(
        method,
        input,
        {},
        {
          onItem: (payload) => void queue.push(parse<OutputOf<M>>(payload), payload.length),
          onClose(outcome) {
            signal?.removeEventListener('abort', onAbort)
            if ('error' in outcome) queue.fail(outcome.error)
            else queue.end()
          },
        },
      )
      if (signal?.aborted) onAbort()
      else signal?.addEventListener('abort', onAbort)
      return queue
    },
  }
}

function duplex<M extends DuplexMethod>(
  connection: Connection,
  method: M,
  input: InputOf<M>,
  { signal, bulk = false }: { signal?: AbortSignal; bulk?: boolean },
): { channel: ByteChannel; result: Promise<OutputOf<M>> } {
  const onAbort = () => connection.cancel(id, cancelled(method))
  let settle: { resolve: (output: OutputOf<M>) => void; reject: (error: GantryError) => void } | undefined
  const result = new Promise<OutputOf<M>>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // A caller that only reads bytes need not look at the result.
  result.catch(() => {})
  const id = connection.open(method, input, bulk ? { bulk } : {}, {
    onData: (payload) => void channel.incoming.push(payload, payload.length),
    onEnd: () => channel.incoming.end(),
    onCredit: (bytes) => channel.window.grant(bytes),
    onTicket: (ticket) => channel instanceof BulkChannel && channel.ticket(ticket),
    onClose(outcome) {
      signal?.removeEventListener('abort', onAbort)
      channel.close('error' in outcome ? outcome.error : new GantryError('wrong_state', `${method} has ended`))
      if ('error' in outcome) settle?.reject(outcome.error)
      else settle?.resolve(parse<OutputOf<M>>(outcome.result))
    },
  })
  const send = (frame: Buffer) => connection.send(id, frame)
  const channel = bulk ? new BulkChannel(connection.path, id, send) : new DuplexChannel(id, send)
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort)
  return { channel, result }
}

/** The socket and the requests open on it. */
class Connection {
  readonly path: string
  readonly #requests = new Map<number, Request>()
  #socket: Socket | undefined
  #nextId = 1
  #closed = false

  constructor(path: string) {
    this.path = path
  }

  /** Sends a request. Its `onClose` is never called before `open` returns. */
  open(method: string, input: unknown, options: { timeoutMs?: number | undefined; bulk?: boolean }, request: Request): number {
    const id = this.#nextId
    this.#nextId = id >= 0xffff_fffe ? 1 : id + 1
    const text = JSON.stringify({ method, input, ...options })
    const size = Buffer.byteLength(text)
    this.#requests.set(id, request)
    if (this.#closed) this.#failSoon(id, new GantryError('unavailable', 'the agent client is closed'))
    else if (size > maxRequestBytes) {
      this.#failSoon(id, new GantryError('invalid_input', `request of ${size} bytes exceeds ${maxRequestBytes} bytes`))
    } else {
      const socket = this.#connected()
      socket.ref()
      socket.write(encodeText(frameTypes.open, id, text))
    }
    return id
  }

  /** Sends a frame of an open request; dropped when the request is over. */
  send(id: number, frame: Buffer): void {
    if (this.#requests.has(id)) this.#socket?.write(frame)
  }

  /** Ends a request on this side at once and tells the agent. */
  cancel(id: number, reason: GantryError): void {
    if (!this.#requests.has(id)) return
    this.send(id, encodeFrame(frameTypes.cancel, id))
    this.#finish(id, { error: reason })
  }

  close(): void {
    this.#closed = true
    this.#socket?.destroy()
    this.#failAll(new GantryError('unavailable', 'the agent client is closed'))
  }

  #connected(): Socket {
    if (this.#socket) return this.#socket
    const socket = connect(this.path)
    this.#socket = socket
    const reader = new FrameReader(maxAnswerBytes, (type, id, payload) => this.#receive(type, id, payload))
    let failure: NodeJS.ErrnoException | undefined
    socket.on('data', (chunk) => {
      try {
        reader.push(chunk)
      } catch (error) {
        socket.destroy(error as Error)
      }
    })
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#failAll(lost(this.path, failure))
    })
    return socket
  }

  #receive(type: number, id: number, payload: Buffer): void {
    const request = this.#requests.get(id)
    if (!request) return
    if (type === frameTypes.data) request.onData?.(payload)
    else if (type === frameTypes.item) request.onItem?.(payload)
    else if (type === frameTypes.credit) request.onCredit?.(payload.readUInt32BE(0))
    else if (type === frameTypes.end) request.onEnd?.()
    else if (type === frameTypes.ticket) request.onTicket?.(payload)
    else if (type === frameTypes.result) this.#finish(id, { result: payload })
    else if (type === frameTypes.error) this.#finish(id, { error: GantryError.fromWire(wireErrorSchema.parse(parse(payload))) })
  }

  #finish(id: number, outcome: { result: Buffer } | { error: GantryError }): void {
    const request = this.#requests.get(id)
    if (!request) return
    this.#requests.delete(id)
    // An idle connection must not keep a command line tool from ending.
    if (this.#requests.size === 0) this.#socket?.unref()
    request.onClose(outcome)
  }

  #failSoon(id: number, error: GantryError): void {
    queueMicrotask(() => this.#finish(id, { error }))
  }

  #failAll(error: GantryError): void {
    for (const id of [...this.#requests.keys()]) this.#finish(id, { error })
  }
}

function parse<T>(payload: Buffer): T {
  return (payload.length === 0 ? {} : JSON.parse(payload.toString('utf8'))) as T
}

function cancelled(method: string): GantryError {
  return new GantryError('cancelled', `${method} was cancelled`)
}

function lost(path: string, failure: NodeJS.ErrnoException | undefined): GantryError {
  const remedy = 'start it with npm start, or set GANTRY_RUN to where it runs'
  if (failure?.code === 'ENOENT' || failure?.code === 'ECONNREFUSED') {
    return new GantryError('unavailable', `no agent is running at ${path}`, { value: path, errno: failure.code, remedy })
  }
  if (failure?.code === 'EACCES') {
    return new GantryError('forbidden', `may not connect to the agent at ${path}`, {
      value: path,
      errno: failure.code,
      remedy: 'run as root or as a member of the group gantry',
    })
  }
  return new GantryError('unavailable', 'the connection to the agent was lost', { errno: failure?.code }, { cause: failure })
}
