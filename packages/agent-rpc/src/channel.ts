import type { Socket } from 'node:net'
import { type ByteChannel, GantryError } from '@gantry/contracts'
import { ReceiveQueue, SendWindow } from './flow.ts'
import { chunkBytes, encodeCredit, encodeFrame, frameTypes } from './frame.ts'

/** One end of a duplex request's two byte directions. The connection feeds it frames and gives it a way to send. */
export class DuplexChannel implements ByteChannel {
  readonly incoming: ReceiveQueue<Uint8Array>
  readonly window = new SendWindow()
  readonly #id: number
  readonly #send: (frame: Buffer) => void
  readonly bulk?: Promise<Socket>
  #ended = false

  constructor(id: number, send: (frame: Buffer) => void, bulk?: Promise<Socket>) {
    this.#id = id
    this.#send = send
    if (bulk) this.bulk = bulk
    this.incoming = new ReceiveQueue(
      (bytes) => send(encodeCredit(id, bytes)),
      () => {},
    )
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ended) throw new GantryError('wrong_state', 'write after the end of the stream')
    let offset = 0
    while (offset < bytes.length) {
      await this.window.ready()
      const size = Math.min(bytes.length - offset, this.window.credit, chunkBytes)
      this.window.take(size)
      this.#send(encodeFrame(frameTypes.data, this.#id, bytes.subarray(offset, offset + size)))
      offset += size
    }
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#send(encodeFrame(frameTypes.end, this.#id))
  }

  /** The request is over: nothing more comes or may be sent. Bytes that have come can still be read. */
  close(error: GantryError): void {
    this.#ended = true
    this.incoming.end()
    this.window.close(error)
  }
}
