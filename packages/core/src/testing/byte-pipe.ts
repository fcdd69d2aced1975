import type { ByteChannel } from '@gantry/contracts'

/** Both ends of a duplex request in one process. `push` resolves when its bytes were taken, so a slow reader is seen. */
export class BytePipe {
  readonly written: Uint8Array[] = []
  readonly channel: ByteChannel
  #queue: { bytes: Uint8Array; taken: () => void }[] = []
  #wake: (() => void) | undefined
  #ended = false
  readonly #listeners: (() => void)[] = []

  constructor() {
    this.channel = {
      incoming: this.#incoming(),
      write: async (bytes) => {
        this.written.push(bytes)
        for (const listener of this.#listeners.splice(0)) listener()
      },
      end: () => undefined,
    }
  }

  push(bytes: Uint8Array): Promise<void> {
    return new Promise((taken) => {
      this.#queue.push({ bytes, taken })
      this.#wake?.()
    })
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** Resolves when what was written so far satisfies `test`. */
  async until(test: (text: string) => boolean): Promise<string> {
    for (;;) {
      const text = Buffer.concat(this.written).toString()
      if (test(text)) return text
      await new Promise<void>((resolve) => this.#listeners.push(resolve))
    }
  }

  async *#incoming(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#queue.shift()
      if (next) {
        next.taken()
        yield next.bytes
      } else if (this.#ended) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}
