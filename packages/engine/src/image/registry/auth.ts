import { GantryError, type RegistryAuth } from '@gantry/contracts'
import { z } from 'zod'

/** What a registry asks for in `WWW-Authenticate` (RFC 6750, distribution spec "token authentication"). */
export type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: string; readonly service: string | undefined; readonly scope: string | undefined }

/** Reads the header; undefined when it asks for nothing we know. */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  const [, scheme = '', rest = ''] = /^\s*(\w+)\s*(.*)$/.exec(header ?? '') ?? []
  if (scheme.toLowerCase() === 'basic') return { scheme: 'basic' }
  if (scheme.toLowerCase() !== 'bearer') return undefined
  const parameters = new Map([...rest.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1]?.toLowerCase(), match[2]]))
  const realm = parameters.get('realm')
  return realm ? { scheme: 'bearer', realm, service: parameters.get('service'), scope: parameters.get('scope') } : undefined
}

export const basicHeader = (auth: RegistryAuth) => `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`

/** The request that fetches a token. Credentials go to the realm only, which the client holds to HTTPS (or loopback). */
export function tokenRequest(
  challenge: Extract<Challenge, { scheme: 'bearer' }>,
  options: { auth: RegistryAuth | undefined; scope: string; offline?: boolean },
): { method: 'GET' | 'POST'; url: URL; headers: Record<string, string>; body?: string } {
  const url = parseRealm(challenge.realm)
  const scope = challenge.scope ?? options.scope
  if (options.auth?.identityToken) {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: options.auth.identityToken, client_id: 'gantry' })
    if (scope) body.set('scope', scope)
    if (challenge.service) body.set('service', challenge.service)
    return { method: 'POST', url, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: body.toString() }
  }
  if (challenge.service) url.searchParams.set('service', challenge.service)
  if (scope) url.searchParams.set('scope', scope)
  if (options.offline) {
    url.searchParams.set('offline_token', 'true')
    url.searchParams.set('client_id', 'gantry')
    url.searchParams.set('account', options.auth?.username ?? '')
  }
  return { method: 'GET', url, headers: options.auth ? { authorization: basicHeader(options.auth) } : {} }
}

function parseRealm(realm: string): URL {
  try {
    return new URL(realm)
  } catch (cause) {
    throw new GantryError('unavailable', `the registry sends for a token to "${realm}", which is not an address`, {}, { cause })
  }
}

const tokenSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  refresh_token: z.string().optional(),
  expires_in: z.number().optional(),
})

/** Token, the time (ms, as Date.now) until which it may be used, and the token to keep where the server gave one. */
export function parseToken(bytes: Uint8Array, now: number): { token: string; until: number; refresh?: string } {
  const parsed = tokenSchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  const token = parsed.success ? (parsed.data.token ?? parsed.data.access_token) : undefined
  if (!parsed.success || !token) throw new GantryError('unavailable', 'the registry’s token server answered without a token')
  // Ten seconds early, so that it does not expire on the way.
  const until = now + Math.max(10, (parsed.data.expires_in ?? 60) - 10) * 1000
  return { token, until, ...(parsed.data.refresh_token ? { refresh: parsed.data.refresh_token } : {}) }
}
