import { type EndpointSpec, GantryError, type Op } from '@gantry/contracts'
import { type Address, formatAddress, parseAddress } from './address.ts'
import { type Element, guardElements } from './elements.ts'
import { linkOps, type Where } from './links.ts'
import { macOf } from './names.ts'
import type { Network } from './network-record.ts'
import type { EndpointRecord } from './sandbox-record.ts'
import type { NetworkState } from './state.ts'

/**
 * Takes addresses, MAC and a link name for one endpoint; nothing is made in the kernel yet. Undone by `giveBack`.
 * Throws `invalid_input`, `already_exists`, `no_space`.
 */
export function reserveEndpoint(state: NetworkState, network: Network, spec: EndpointSpec, interfaceName: string): EndpointRecord {
  refuseForeignFamily(network, spec)
  const macAddress = spec.macAddress?.toLowerCase()
  if (macAddress) refuseMac(state, network, macAddress)
  const taken: Address[] = []
  try {
    for (const pool of network.pools) {
      const wanted = pool.subnet.family === 4 ? spec.ipv4Address : spec.ipv6Address
      if (wanted) {
        const address = parseAddress(wanted)
        pool.reserve(address)
        taken.push(address)
      } else taken.push(pool.allocate())
    }
  } catch (error) {
    network.releaseAddresses(taken.map(formatAddress))
    throw error
  }
  const endpoint = describeEndpoint(network, spec, taken, macAddress ?? macOf(taken[0]?.value ?? 0n))
  return { endpoint, link: freeLinkName(state), interfaceName }
}

function describeEndpoint(network: Network, spec: EndpointSpec, taken: readonly Address[], macAddress: string): EndpointRecord['endpoint'] {
  const part = (family: 4 | 6) => {
    const pool = network.pool(family)
    const address = taken.find((each) => each.family === family)
    if (!pool || !address) return { address: '', prefixLength: 0, gateway: '' }
    return { address: formatAddress(address), prefixLength: pool.subnet.prefixLength, gateway: formatAddress(pool.gateway) }
  }
  const four = part(4)
  const six = part(6)
  return {
    networkId: network.id,
    network: network.name,
    aliases: [...spec.aliases],
    macAddress,
    ipv4Address: four.address,
    ipv4PrefixLength: four.prefixLength,
    ipv4Gateway: four.gateway,
    ipv6Address: six.address,
    ipv6PrefixLength: six.prefixLength,
    ipv6Gateway: six.gateway,
  }
}

function refuseForeignFamily(network: Network, spec: EndpointSpec): void {
  for (const [family, value] of [
    [4, spec.ipv4Address],
    [6, spec.ipv6Address],
  ] as const) {
    if (value && !network.pool(family)) {
      throw new GantryError('invalid_input', `network ${network.name} has no IPv${family} subnet for address ${value}`, {
        field: `endpoints.ipv${family}Address`,
        value,
      })
    }
  }
}

function refuseMac(state: NetworkState, network: Network, mac: string): void {
  if (Number.parseInt(mac.slice(0, 2), 16) & 1 || mac === '00:00:00:00:00:00')
    throw new GantryError('invalid_input', `mac address ${mac} is not the address of one card`, {
      field: 'endpoints.macAddress',
      value: mac,
    })
  const taken =
    mac === network.bridgePlan.mac ||
    [...state.active.values()].some(({ record }) =>
      record.endpoints.some(({ endpoint }) => endpoint.networkId === network.id && endpoint.macAddress === mac),
    )
  if (taken)
    throw new GantryError('already_exists', `mac address ${mac} is already in use on network ${network.name}`, {
      field: 'endpoints.macAddress',
      value: mac,
    })
}

function freeLinkName(state: NetworkState): string {
  const used = new Set([...state.active.values()].flatMap(({ record }) => record.endpoints.map(({ link }) => link)))
  for (;;) {
    const name = state.names.randomLink()
    if (!used.has(name)) return name
  }
}

/** Addresses of an endpoint that are not empty. */
export function endpointAddresses({ endpoint }: EndpointRecord): string[] {
  return [endpoint.ipv4Address, endpoint.ipv6Address].filter(Boolean)
}

/** Gives addresses back; only after the link is gone. */
export function giveBack(state: NetworkState, record: EndpointRecord): void {
  state.networks.get(record.endpoint.networkId)?.releaseAddresses(endpointAddresses(record))
}

/** The endpoint that has the default routes: the first whose network leads outside. */
export function defaultEndpoint(state: NetworkState, endpoints: readonly EndpointRecord[]): EndpointRecord | undefined {
  return endpoints.find(({ endpoint }) => state.networks.get(endpoint.networkId)?.record.spec.internal === false)
}

/** Operations that make the endpoint's link inside `where`. */
export function endpointOps(network: Network, where: Where, record: EndpointRecord, defaultRoute: boolean): Op[] {
  const { endpoint } = record
  const addresses = [
    { text: endpoint.ipv4Address, prefixLength: endpoint.ipv4PrefixLength, gateway: endpoint.ipv4Gateway },
    { text: endpoint.ipv6Address, prefixLength: endpoint.ipv6PrefixLength, gateway: endpoint.ipv6Gateway },
  ]
    .filter(({ text }) => text)
    .map(({ text, prefixLength, gateway }) => ({ address: parseAddress(text), prefixLength, gateway: parseAddress(gateway) }))
  return linkOps(where, {
    link: record.link,
    interfaceName: record.interfaceName,
    bridge: network.record.bridge,
    mac: endpoint.macAddress,
    mtu: network.record.spec.mtu,
    addresses,
    defaultRoute,
    isolated: !network.record.spec.icc,
    label: `gantry network ${network.id.slice(0, 12)}`,
  })
}

export function endpointGuards(record: EndpointRecord): Element[] {
  return guardElements(record.link, record.endpoint.macAddress, endpointAddresses(record).map(parseAddress))
}
