import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { GantryError } from '@gantry/contracts'

/** Who the gateway is to browsers. */
export interface Site {
  publicUrl: URL | undefined
  /** Host it listens on, which may be a name. */
  listenHost: string
}

/**
 * Refuses requests that name us by a host we are not: a page of another site whose name was made to point here (DNS
 * rebinding) would otherwise pass as our own. Addresses cannot be rebound.
 */
export function requireKnownHost({ headers }: IncomingMessage, { publicUrl, listenHost }: Site): void {
  const host = hostName(headers.host ?? '')
  if (isIP(host) || host === 'localhost' || host.endsWith('.localhost')) return
  if (host !== '' && (host === listenHost || host === publicUrl?.hostname)) return
  throw new GantryError('forbidden', `this is not ${host || 'a named host'}`, {
    value: host,
    remedy: 'start gantry with GANTRY_PUBLIC_URL=https://that.name',
  })
}

function hostName(host: string): string {
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
}

/** Refuses what another site's page sent: a different or missing `Origin`, or a browser's word that it is cross-site. */
export function requireOwnOrigin({ headers }: IncomingMessage, site: Site): void {
  const fetchSite = headers['sec-fetch-site']
  const { origin } = headers
  const own = origin !== undefined && ownOrigins(headers.host, site).includes(origin)
  if (own && (fetchSite === undefined || fetchSite === 'same-origin')) return
  throw new GantryError('forbidden', `request from another origin (${origin ?? 'none given'})`, { value: origin })
}

/** Reading is safe by the cookie's SameSite; a browser that says the reader is another site is believed all the same. */
export function requireNotCrossSite({ headers }: IncomingMessage): void {
  const fetchSite = headers['sec-fetch-site']
  if (fetchSite === 'cross-site' || fetchSite === 'same-site') throw new GantryError('forbidden', 'request from another site')
}

function ownOrigins(host: string | undefined, { publicUrl }: Site): string[] {
  const origins = publicUrl ? [publicUrl.origin] : []
  return host ? [...origins, `http://${host}`] : origins
}

/** Answers 403 to a WebSocket that is not from our own pages, which its cookie alone would not tell. True when it did. */
export function refuseUpgrade(request: IncomingMessage, socket: Duplex, site: Site): boolean {
  try {
    requireKnownHost(request, site)
    requireOwnOrigin(request, site)
    return false
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
    socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    return true
  }
}
