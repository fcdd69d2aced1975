import { type NetConnectOpts, type Socket, connect } from 'node:net'
import { GantryError } from '@gantry/contracts'
import { DuplexChannel } from './channel.ts'
import { encodeFrame, frameTypes, windowBytes } from './frame.ts'

/** The client's end of a `bulk` duplex: besides frames both ways, a raw connection of its own to the agent's handler. */
export class BulkChannel extends DuplexChannel {
  override readonly bulk: Promise<Socket>
  readonly #path: string
  #opened: { resolve: (socket: Socket) => void; reject: (error: unknown) => void } | undefined
  #socket: Socket | undefined

  constructor(path: string, id: number, send: (frame: Buffer) => void) {
    super(id, send)
    this.#path = path
    this.bulk = new Promise((resolve, reject) => {
      this.#opened = { resolve, reject }
    })
    this.bulk.catch(() => undefined)
  }

  /** The agent waits for the second connection. */
  ticket(ticket: Buffer): void {
    // Room for many pieces: with one at a time whoever sends would stop and start its own reading at each.
    const socket = connect({ path: this.#path, allowHalfOpen: true, writableHighWaterMark: windowBytes } as NetConnectOpts)
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

  /** The request is over: what has not been sent is not wanted. */
  override close(error: GantryError): void {
    super.close(error)
    this.#opened?.reject(error)
    this.#socket?.destroy()
  }
}
