import { lookup } from 'node:dns/promises'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { GantryError } from '@gantry/contracts'

/** An address that has been looked up once and checked; the connection is made to it and to no other. */
export interface CheckedHost {
  readonly address: string
  readonly family: 4 | 6
  readonly loopback: boolean
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')
/** Addresses that belong to the host's own networks and clouds' metadata services (RFC 6890, RFC 4193, RFC 3927). */
const inner = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  inner.addSubnet(net, bits, 'ipv4')
}
for (const [net, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  inner.addSubnet(net, bits, 'ipv6')
}

/**
 * Looks up a host that a user named. Loopback is allowed only for a registry that was itself named as loopback, private and link-local
 * addresses only for hosts that the administrator listed, so that nobody reaches the machine's surroundings through a pull.
 */
export async function checkHost(host: string, allow: { loopback: boolean; inner: boolean }): Promise<CheckedHost> {
  const found = await findHost(host, 'registry')
  if ((found.loopback && !allow.loopback) || (found.inner && !found.loopback && !allow.inner)) {
    throw new GantryError('forbidden', `registry ${host} has the private address ${found.address}`, {
      value: host,
      remedy: 'ask the administrator to list it as a private registry',
    })
  }
  return found
}

/** Looks up a host of this kind and says where its address leads. Throws `unavailable` for a name that is none. */
export async function findHost(host: string, noun: string): Promise<CheckedHost & { readonly inner: boolean }> {
  const found = await resolveHost(host, noun)
  const type = found.family === 6 ? 'ipv6' : 'ipv4'
  return { ...found, loopback: loopback.check(found.address, type), inner: inner.check(found.address, type) }
}

/** For a request that goes to the address that was checked, whatever the name says by now. */
export const pinnedTo =
  ({ address, family }: CheckedHost): LookupFunction =>
  (_name, options, callback) => {
    if (options.all) callback(null, [{ address, family }])
    else callback(null, address, family)
  }

/** True for a registry named by its loopback address or as localhost, which docker also speaks plain HTTP with. */
export function isLoopbackName(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  const family = isIP(bare)
  return bare === 'localhost' || (family !== 0 && loopback.check(bare, family === 6 ? 'ipv6' : 'ipv4'))
}

async function resolveHost(host: string, noun: string): Promise<{ address: string; family: 4 | 6 }> {
  const bare = host.replace(/^\[|\]$/g, '')
  try {
    const { address, family } = await lookup(bare)
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
    return mapped ? { address: mapped, family: 4 } : { address, family: family === 6 ? 6 : 4 }
  } catch (cause) {
    throw new GantryError('unavailable', `${noun} ${host} cannot be found: its name does not resolve`, { value: host }, { cause })
  }
}
