import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { DEFAULT_PROJECT, GantryError } from '@gantry/contracts'
import { type Backend, type SignedIn, identifyToken, identifyTokenByName, localCaller } from '@gantry/core'
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
  return inProject(await identifyToken(backend, token, { address: 'local socket', userAgent }))
}

/** Who speaks by TLS: the token that the request brings, or the one that the certificate's subject names: `O` its project, `CN` its name. */
export async function identifyByCertificate(backend: Backend, request: IncomingMessage): Promise<DockerCaller> {
  const { socket, headers } = request
  const from = { address: socket.remoteAddress ?? 'unknown', userAgent: headers['user-agent'] ?? '' }
  const token = tokenOf(request)
  if (token !== undefined) return inProject(await identifyToken(backend, token, from))
  const { O: projectId, CN: name } = socket instanceof TLSSocket ? socket.getPeerCertificate().subject : {}
  // A subject may have several of each, which name nothing.
  if (typeof projectId !== 'string' || typeof name !== 'string') {
    throw new GantryError('unauthenticated', 'the certificate names no token: its subject must be O=<project>, CN=<name of a token>')
  }
  return inProject(await identifyTokenByName(backend, { projectId, name }, from))
}

function inProject(caller: SignedIn | null): DockerCaller {
  if (caller?.credential?.kind !== 'token') throw unknownToken()
  return { caller, projectId: caller.credential.projectId }
}

const unknownToken = () =>
  new GantryError('unauthenticated', 'the token is unknown, has expired or was revoked', { remedy: 'ask an administrator of the project' })
