import type { IncomingMessage } from 'node:http'
import { DEFAULT_PROJECT, GantryError } from '@gantry/contracts'
import { type Backend, identifyToken, localCaller } from '@gantry/core'
import type { DockerCaller } from '@gantry/docker-api'

/** A project's token, as `HttpHeaders` of the client's configuration sends it. */
function tokenOf({ headers }: IncomingMessage): string | undefined {
  const own = headers['x-gantry-token']
  if (own !== undefined) return Array.isArray(own) ? own[0] : own
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

/**
 * Who speaks on the machine's own socket: with a token its project, no more; without one host administrator in the project
 * `default`, as only root and its group can open the socket.
 */
export async function identifyLocal(backend: Backend, request: IncomingMessage): Promise<DockerCaller> {
  const userAgent = request.headers['user-agent'] ?? ''
  const token = tokenOf(request)
  if (token === undefined) return { caller: localCaller(userAgent), projectId: DEFAULT_PROJECT }
  const caller = await identifyToken(backend, token, { address: 'local socket', userAgent })
  if (caller?.credential?.kind !== 'token') throw unknownToken()
  return { caller, projectId: caller.credential.projectId }
}

const unknownToken = () =>
  new GantryError('unauthenticated', 'the token is unknown, has expired or was revoked', { remedy: 'ask an administrator of the project' })
