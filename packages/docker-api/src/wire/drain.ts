import type { IncomingMessage } from 'node:http'

const maxBytes = 64 * 1024 * 1024
/** A client that is silent this long waits for us, or is gone. */
const silentMs = 500

/** Reads away what is left of a request's body, up to a limit. Never rejects. */
export function drain(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) return resolve()
    let length = 0
    const timer = setTimeout(done, silentMs)
    request.on('data', onData).once('end', done).once('close', done).once('error', done)
    // Whoever read it before may have stopped it.
    request.resume()
    function onData(chunk: Buffer): void {
      timer.refresh()
      length += chunk.length
      if (length > maxBytes) done()
    }
    function done(): void {
      clearTimeout(timer)
      request.off('data', onData).pause()
      resolve()
    }
  })
}
