import { GantryError, type NetworkSpec } from '@gantry/contracts'
import { contains, formatAddress, formatSubnet, overlaps, parseAddress, parseSubnet, type Subnet } from './address.ts'
import { chooseSubnet, usableRange } from './ipam.ts'
import { applyOptions } from './network-options.ts'

/** Holder of the subnets that the host has routes to. */
export const hostRoute = 'a route of this host'

/**
 * Completes what was asked for: subnets that nobody named are picked free of `taken`, gateways default to the first address.
 * Throws `invalid_input` (two subnets of a family on a bridge, gateway or range outside, subnet too small) or `already_exists` (subnet in use).
 */
export function completeSpec(asSaid: NetworkSpec, taken: readonly { subnet: Subnet; holder: string }[], instanceId: string): NetworkSpec {
  const spec = applyOptions(asSaid)
  const asked = spec.ipam.map((entry, index) => checkEntry(entry, `ipam.${index}`))
  const families = asked.map(({ subnet }) => subnet.family)
  if (spec.driver === 'bridge' && new Set(families).size !== families.length)
    refuse('ipam', '', 'at most one IPv4 and one IPv6 subnet on a bridge')
  for (const [index, { subnet }] of asked.entries()) {
    const earlier = asked.slice(0, index).map((other) => ({ subnet: other.subnet, holder: 'the same network' }))
    refuseTaken(subnet, earlier)
  }
  // A macvlan network's subnet is that of the network it joins, to which the host has a route as well.
  const held = spec.driver === 'bridge' ? taken : taken.filter(({ holder }) => holder !== hostRoute)
  for (const { subnet } of asked) refuseTaken(subnet, held)
  const wanted: (4 | 6)[] = [
    ...(spec.ipv4 && families.length === 0 ? [4 as const] : []),
    ...(spec.ipv6 && !families.includes(6) ? [6 as const] : []),
  ]
  if (asked.length + wanted.length === 0) refuse('ipv4', 'false', 'a network without IPv4 needs IPv6')
  const chosen = wanted.map((family) => {
    const subnet = chooseSubnet(
      family,
      taken.map((other) => other.subnet),
      instanceId,
    )
    return checkEntry({ subnet: formatSubnet(subnet), auxAddresses: {} }, 'ipam')
  })
  const all = [...asked, ...chosen].sort((a, b) => a.subnet.family - b.subnet.family)
  return { ...spec, ipv4: spec.ipv4 || families.includes(4), ipv6: spec.ipv6 || families.includes(6), ipam: all.map(({ entry }) => entry) }
}

function refuse(field: string, value: string, limit: string): never {
  throw new GantryError('invalid_input', `${field}${value ? ` ${value}` : ''}: ${limit}`, { field, value, limit })
}

function checkEntry(entry: NetworkSpec['ipam'][number], field: string) {
  const subnet = parseSubnet(entry.subnet)
  const usable = usableRange(subnet)
  const family = subnet.family
  if (subnet.prefixLength < 8) refuse(`${field}.subnet`, entry.subnet, 'must be /8 or smaller')
  if (usable.last - usable.first < 1n) refuse(`${field}.subnet`, entry.subnet, 'must have room for a gateway and a container')
  if (family === 4 && ['127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '0.0.0.0/8'].some((other) => overlaps(subnet, parseSubnet(other))))
    refuse(`${field}.subnet`, entry.subnet, 'is loopback, link-local, multicast or reserved')
  const gateway = entry.gateway ? parseAddress(entry.gateway) : { family, value: usable.first }
  if (!contains(subnet, gateway) || gateway.value < usable.first || gateway.value > usable.last)
    refuse(`${field}.gateway`, entry.gateway ?? '', `must be a usable address of ${formatSubnet(subnet)}`)
  const range = entry.ipRange ? parseSubnet(entry.ipRange) : undefined
  if (range && (!contains(subnet, { family: range.family, value: range.base }) || range.prefixLength < subnet.prefixLength))
    refuse(`${field}.ipRange`, entry.ipRange ?? '', `must lie in ${formatSubnet(subnet)}`)
  for (const [name, address] of Object.entries(entry.auxAddresses)) {
    if (!contains(subnet, parseAddress(address))) refuse(`${field}.auxAddresses.${name}`, address, `must lie in ${formatSubnet(subnet)}`)
  }
  const complete = {
    subnet: formatSubnet(subnet),
    gateway: formatAddress(gateway),
    ...(range ? { ipRange: formatSubnet(range) } : {}),
    auxAddresses: entry.auxAddresses,
  }
  return { subnet, entry: complete }
}

function refuseTaken(subnet: Subnet, taken: readonly { subnet: Subnet; holder: string }[]): void {
  const other = taken.find((candidate) => candidate.subnet.prefixLength > 0 && overlaps(subnet, candidate.subnet))
  if (!other) return
  const text = formatSubnet(subnet)
  throw new GantryError('already_exists', `subnet ${text} overlaps with ${formatSubnet(other.subnet)} of ${other.holder}`, {
    field: 'ipam.subnet',
    value: text,
    remedy: 'choose another subnet, or name none to have a free one picked',
  })
}
