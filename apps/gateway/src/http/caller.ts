import type { IncomingMessage } from 'node:http'
import { type Backend, type Caller, identify } from '@gantry/core'
import type { SessionCookie } from './session-cookie.ts'

/** Who sent a request, from its cookie. */
export function identifyRequest(
  request: IncomingMessage,
  { backend, cookie, trustProxy }: { backend: Backend; cookie: SessionCookie; trustProxy: boolean },
): Promise<Caller> {
  const { headers } = request
  const address = remoteAddress(request, trustProxy)
  return identify(backend, cookie.read(headers.cookie), { address, userAgent: headers['user-agent'] ?? '' })
}

/** IPv4 addresses come as IPv6 ones where the gateway listens on both. */
function remoteAddress({ headers, socket }: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? headers['x-forwarded-for'] : undefined
  const last = (Array.isArray(forwarded) ? forwarded.at(-1) : forwarded)?.split(',').at(-1)?.trim()
  return (last || socket.remoteAddress || 'unknown').replace(/^::ffff:/, '')
}
