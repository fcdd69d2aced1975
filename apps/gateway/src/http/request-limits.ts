import type { IncomingMessage, Server } from 'node:http'

export const maxBodyBytes = 1024 * 1024
const headersMs = 10_000
const bodyMs = 30_000

/** Slow headers are cut by the server; bodies by `limitBody`, as uploads may take their time. */
export function limitRequests(server: Server): void {
  server.headersTimeout = headersMs
  server.requestTimeout = 0
  server.keepAliveTimeout = 65_000
  server.maxHeadersCount = 100
}

/** Cuts a request whose body has not come in time. */
export function limitBody(request: IncomingMessage): void {
  const timer = setTimeout(() => request.destroy(), bodyMs)
  request.once('end', () => clearTimeout(timer))
  request.once('close', () => clearTimeout(timer))
}
