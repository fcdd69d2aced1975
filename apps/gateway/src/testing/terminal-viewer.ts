import type { WebSocket } from 'ws'

/** A browser's side of a terminal: reads, acknowledges, remembers where it is. */
export class TerminalViewer {
  readonly socket: WebSocket
  readonly messages: { type: string; from?: number; exitCode?: number; message?: string }[] = []
  text = ''
  /** Offset after the last byte seen. */
  position = 0
  bytes = 0
  closeCode: number | undefined
  #wakers: (() => void)[] = []

  /** `keepText` false only counts: for output that is too long to keep. */
  constructor(socket: WebSocket, { keepText = true }: { keepText?: boolean } = {}) {
    this.socket = socket
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.#output(data, keepText)
      else this.#message(JSON.parse(data.toString()))
      this.#wake()
    })
    socket.on('close', (code: number) => {
      this.closeCode = code
      this.#wake()
    })
    socket.on('error', () => this.#wake())
  }

  /** Resolves when `test` holds; fails when the socket closes before. */
  async until(test: () => boolean): Promise<void> {
    while (!test()) {
      if (this.closeCode !== undefined)
        throw new Error(`closed (${this.closeCode}): ${JSON.stringify(this.messages)} ${this.text.slice(-500)}`)
      await new Promise<void>((resolve) => this.#wakers.push(resolve))
    }
  }

  async closed(): Promise<void> {
    while (this.closeCode === undefined) await new Promise<void>((resolve) => this.#wakers.push(resolve))
  }

  type(text: string): void {
    this.socket.send(Buffer.from(text))
  }

  #output(data: Buffer, keepText: boolean): void {
    const offset = Number(data.readBigUInt64BE())
    if (offset !== this.position) throw new Error(`expected byte ${this.position}, got ${offset}`)
    this.position = offset + data.length - 8
    this.bytes += data.length - 8
    if (keepText) this.text += data.subarray(8).toString()
    this.socket.send(JSON.stringify({ type: 'ack', offset: this.position }))
  }

  #message(message: TerminalViewer['messages'][number]): void {
    if (message.type === 'ready') this.position = message.from ?? 0
    this.messages.push(message)
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake()
  }
}
