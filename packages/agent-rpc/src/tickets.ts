import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'

/** Requests that wait for the connection that will carry their bytes, by the ticket they gave their client. */
export class Tickets {
  readonly #waiting = new Map<string, (socket: Socket) => void>()

  /**
   * A new ticket, and the connection that comes with it, until `signal` aborts: then the promise rejects, or the connection is closed
   * (not what another program has of it).
   */
  issue(signal: AbortSignal): { ticket: Buffer; socket: Promise<Socket> } {
    const ticket = randomBytes(16)
    const key = ticket.toString('hex')
    const socket = new Promise<Socket>((resolve, reject) => {
      this.#waiting.set(key, resolve)
      signal.addEventListener(
        'abort',
        () => {
          this.#waiting.delete(key)
          reject(signal.reason)
        },
        { once: true },
      )
    })
    // Whoever asked may fail before it looks.
    socket.then(
      (opened) => signal.addEventListener('abort', () => opened.destroy(), { once: true }),
      () => undefined,
    )
    return { ticket, socket }
  }

  /** True when somebody waited for it. The connection is given with its reading stopped. */
  redeem(ticket: Buffer, socket: Socket): boolean {
    const key = ticket.toString('hex')
    const resolve = this.#waiting.get(key)
    if (!resolve) return false
    this.#waiting.delete(key)
    resolve(socket)
    return true
  }
}
