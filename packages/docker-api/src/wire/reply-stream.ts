import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

/** Bytes of an answer that goes on. The head is on its way when this is made: clients wait for it before they go on. */
export class ReplyStream {
  readonly #response: ServerResponse

  constructor(response: ServerResponse, headers: Record<string, string>) {
    this.#response = response
    response.writeHead(200, headers)
    response.flushHeaders()
  }

  /** Resolves when more may be written, or when the client has gone. */
  async write(bytes: Uint8Array | string): Promise<void> {
    const response = this.#response
    if (response.destroyed || response.write(bytes)) return
    const settled = new AbortController()
    try {
      await Promise.race([once(response, 'drain', settled), once(response, 'close', settled)])
    } finally {
      settled.abort()
    }
  }

  end(bytes?: Uint8Array | string): void {
    if (bytes === undefined) this.#response.end()
    else this.#response.end(bytes)
  }

  /** An answer that broke off must not look complete. */
  cut(): void {
    this.#response.destroy()
  }
}
