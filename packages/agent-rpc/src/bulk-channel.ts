import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { type ByteChannel, GantryError } from '@gantry/contracts'
import { ReceiveQueue } from './flow.ts'
import { encodeCredit, encodeFrame, frameTypes } from './frame.ts'

/** The client's end of a `bulk` duplex: bytes of the agent come in frames, our own go raw through a connection of their own. */
export class BulkChannel implements ByteChannel {
  readonly incoming: ReceiveQueue<Uint8Array>
  readonly bulk: Promise<Socket>
  readonly #path: string
  #opened: { resolve: (socket: Socket) => void; reject: (error: unknown) => void } | undefined
  #socket: Socket | undefined
  #over: GantryError | undefined

  constructor(path: string, id: number, send: (frame: Buffer) => void) {
    this.#path = path
    this.incoming = new ReceiveQueue(
      (bytes) => send(encodeCredit(id, bytes)),
      () => {},
    )
    this.bulk = new Promise((resolve, reject) => {
      this.#opened = { resolve, reject }
    })
    this.bulk.catch(() => undefined)
  }

  /** The agent waits for the second connection. */
  ticket(ticket: Buffer): void {
    const socket = connect({ path: this.#path, allowHalfOpen: true })
    this.#socket = socket
    socket.write(encodeFrame(frameTypes.redeem, 0, ticket))
    // The request's own answer tells why a connection broke.
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.pause()
      this.#opened?.resolve(socket)
    })
    socket.once('close', () => this.#opened?.reject(new GantryError('unavailable', 'the connection to the agent was lost')))
  }

  async write(bytes: Uint8Array): Promise<void> {
    const socket = await this.bulk
    if (this.#over) throw this.#over
    if (socket.write(bytes)) return
    const waited = new AbortController()
    await Promise.race(['drain', 'close'].map((event) => once(socket, event, { signal: waited.signal }).catch(() => undefined)))
    waited.abort()
  }

  end(): void {
    this.bulk.then(
      (socket) => socket.end(),
      () => undefined,
    )
  }

  /** The request is over: what has not been sent is not wanted. */
  close(error: GantryError): void {
    this.#over = error
    this.incoming.end()
    this.#opened?.reject(error)
    this.#socket?.destroy()
  }
}
