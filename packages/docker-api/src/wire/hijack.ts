import { once } from 'node:events'
import type { Duplex } from 'node:stream'

const lingerMs = 2_000

/**
 * A connection that is no longer HTTP's: bytes both ways. The client's half-close ends `incoming` and nothing else; output goes on
 * until `end`.
 */
export class HijackedStream {
  readonly #socket: Duplex
  readonly incoming: AsyncIterable<Uint8Array>

  /** `head`: bytes that came right behind the request. */
  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket
    this.incoming = bytesOf(socket, head)
  }

  /** Resolves when more may be written, or when the client has gone. */
  async write(bytes: Uint8Array | string): Promise<void> {
    const socket = this.#socket
    if (socket.destroyed || socket.write(bytes)) return
    const settled = new AbortController()
    try {
      await Promise.race([once(socket, 'drain', settled), once(socket, 'close', settled)])
    } finally {
      settled.abort()
    }
  }

  /** Everything that was written goes out, then the connection closes. */
  end(): void {
    const socket = this.#socket
    // Closing with bytes unread would throw away what the client has not read yet; but one that never closes must not stay. A slow
    // client has all the time it takes to read what it was sent.
    socket.end(() => {
      const timer = setTimeout(() => socket.destroy(), lingerMs)
      timer.unref()
      socket.once('close', () => clearTimeout(timer))
    })
  }
}

async function* bytesOf(socket: Duplex, head: Buffer): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head
  try {
    for await (const bytes of socket.iterator({ destroyOnReturn: false })) yield bytes as Buffer
  } catch (error) {
    // A client that breaks off has ended its input; whoever writes to it notices by itself.
    if (!socket.destroyed) throw error
  }
}
