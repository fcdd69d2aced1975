import type { IncomingMessage } from 'node:http'
import { GantryError, type RegistryAuth } from '@gantry/contracts'
import { z } from 'zod'

const optional = z.string().max(65_536).default('')
/** What clients know of a registry, in a request's body or in `X-Registry-Auth`. */
export const authSchema = z.object({
  username: optional,
  password: optional,
  serveraddress: optional,
  identitytoken: optional,
  registrytoken: optional,
  /** `user:password` in base64, from older configuration files. */
  auth: optional,
})

/** Undefined: the client has no credentials for this registry. */
export function toRegistryAuth(given: z.output<typeof authSchema>): RegistryAuth | undefined {
  const [, user = '', word = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(given.auth, 'base64').toString()) ?? []
  const { username = user, password = word } = given.username ? given : {}
  if (!username && !given.identitytoken && !given.registrytoken) return undefined
  return {
    username,
    password,
    serverAddress: given.serveraddress,
    ...(given.identitytoken ? { identityToken: given.identitytoken } : {}),
    ...(given.registrytoken ? { registryToken: given.registrytoken } : {}),
  }
}

/** The header is JSON in base64, in either alphabet; what cannot be read is as good as none to Docker, but not to us. */
export function readRegistryAuth({ headers }: IncomingMessage): RegistryAuth | undefined {
  const header = headers['x-registry-auth']
  if (typeof header !== 'string' || header === '') return undefined
  try {
    return toRegistryAuth(authSchema.parse(JSON.parse(Buffer.from(header, 'base64url').toString() || '{}')))
  } catch (cause) {
    throw new GantryError('invalid_input', 'invalid X-Registry-Auth header', { field: 'X-Registry-Auth' }, { cause })
  }
}
