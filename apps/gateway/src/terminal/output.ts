import { terminalFrameBytes, terminalHighWaterBytes, terminalLowWaterBytes } from '@gantry/contracts'
import type { WebSocket } from 'ws'

const offsetBytes = 8

/**
 * The shell's output on its way to one browser: frames of offset and bytes, and no more of them than the browser keeps up
 * with. While `write` waits nothing is read from the agent, which in turn stops the pty.
 */
export class TerminalOutput {
  readonly #socket: WebSocket
  #sent: number
  #acknowledged: number
  #wake: (() => void) | undefined

  /** `from` is the offset of the first byte that will be written. */
  constructor(socket: WebSocket, from: number) {
    this.#socket = socket
    this.#sent = from
    this.#acknowledged = from
    socket.once('close', () => this.#wake?.())
  }

  /** The browser has parsed everything before `offset`. */
  acknowledge(offset: number): void {
    this.#acknowledged = Math.min(Math.max(this.#acknowledged, offset), this.#sent)
    if (this.#sent - this.#acknowledged < terminalLowWaterBytes) this.#wake?.()
  }

  /** Sends `bytes`; resolves when more may come, or when the socket is closed. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; start += terminalFrameBytes - offsetBytes) {
      if (this.#sent - this.#acknowledged > terminalHighWaterBytes) await this.#drained()
      if (this.#socket.readyState !== this.#socket.OPEN) return
      this.#send(bytes.subarray(start, start + terminalFrameBytes - offsetBytes))
    }
  }

  #send(bytes: Uint8Array): void {
    const frame = Buffer.allocUnsafe(offsetBytes + bytes.length)
    frame.writeBigUInt64BE(BigInt(this.#sent))
    frame.set(bytes, offsetBytes)
    this.#sent += bytes.length
    this.#socket.send(frame)
  }

  async #drained(): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
  }
}
