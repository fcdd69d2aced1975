import { type EndpointSpec, GantryError, type Op } from '@gantry/contracts'
import { type Address, type Family, formatAddress, parseAddress } from './address.ts'
import { type Element, guardElements } from './elements.ts'
import { endpointOptions } from './endpoint-options.ts'
import type { AddressPool } from './ipam.ts'
import { linkOps, type LinkPlan, type Where } from './links.ts'
import { macOf } from './names.ts'
import type { Network } from './network-record.ts'
import type { EndpointRecord } from './sandbox-record.ts'
import type { NetworkState } from './state.ts'

interface Taken {
  readonly address: Address
  readonly pool: AddressPool
}

/**
 * Takes addresses, MAC and a link name for one endpoint; nothing is made in the kernel yet. Undone by `giveBack`.
 * Throws `invalid_input`, `already_exists`, `no_space`.
 */
export function reserveEndpoint(state: NetworkState, network: Network, spec: EndpointSpec, interfaceName: string): EndpointRecord {
  refuseForeignFamily(network, spec)
  refuseLinkLocal(spec)
  const macAddress = spec.macAddress?.toLowerCase()
  if (macAddress) refuseMac(state, network, macAddress)
  const taken: Taken[] = []
  try {
    for (const family of [4, 6] as const) {
      const one = takeAddress(network, family, family === 4 ? spec.ipv4Address : spec.ipv6Address)
      if (one) taken.push(one)
    }
  } catch (error) {
    network.releaseAddresses(taken.map(({ address }) => formatAddress(address)))
    throw error
  }
  const endpoint = describeEndpoint(network, spec, taken, macAddress ?? macOf(taken[0]?.address.value ?? 0n))
  return { endpoint, link: network.isBridge ? freeLinkName(state) : '', interfaceName }
}

/** The wanted address, or a free one of the first subnet that has any; null on a network without the family. */
function takeAddress(network: Network, family: Family, wanted: string | undefined): Taken | null {
  const pools = network.poolsOf(family)
  const [first] = pools
  if (!first) return null
  if (wanted) {
    const address = parseAddress(wanted)
    const pool = network.poolWith(address) ?? first
    pool.reserve(address)
    return { address, pool }
  }
  let full: unknown
  for (const pool of pools) {
    try {
      return { address: pool.allocate(), pool }
    } catch (error) {
      full = error
    }
  }
  throw full
}

function describeEndpoint(network: Network, spec: EndpointSpec, taken: readonly Taken[], macAddress: string): EndpointRecord['endpoint'] {
  const part = (family: Family) => {
    const one = taken.find(({ address }) => address.family === family)
    if (!one) return { address: '', prefixLength: 0, gateway: '' }
    const gateway = network.hasGateway(family) ? formatAddress(one.pool.gateway) : ''
    return { address: formatAddress(one.address), prefixLength: one.pool.subnet.prefixLength, gateway }
  }
  const four = part(4)
  const six = part(6)
  const { linkLocalAddresses, links, priority, driverOptions } = spec
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
    ...(linkLocalAddresses && { linkLocalAddresses }),
    ...(links && { links }),
    ...(priority && { priority }),
    ...(driverOptions && { driverOptions }),
  }
}

function refuseForeignFamily(network: Network, spec: EndpointSpec): void {
  for (const [family, value] of [
    [4, spec.ipv4Address],
    [6, spec.ipv6Address],
  ] as const) {
    if (value && network.poolsOf(family).length === 0) {
      throw new GantryError('invalid_input', `network ${network.name} has no IPv${family} subnet for address ${value}`, {
        field: `endpoints.ipv${family}Address`,
        value,
      })
    }
  }
}

function refuseLinkLocal({ linkLocalAddresses = [] }: EndpointSpec): void {
  for (const value of linkLocalAddresses) {
    const { family, value: number } = parseAddress(value)
    if (family === 4 ? number >> 16n === 0xa9fen : number >> 118n === 0x3fan) continue
    throw new GantryError('invalid_input', `address ${value} is not a link-local address`, {
      field: 'endpoints.linkLocalAddresses',
      value,
      limit: '169.254.0.0/16 or fe80::/10',
    })
  }
}

function refuseMac(state: NetworkState, network: Network, mac: string): void {
  if (Number.parseInt(mac.slice(0, 2), 16) & 1 || mac === '00:00:00:00:00:00')
    throw new GantryError('invalid_input', `mac address ${mac} is not the address of one card`, {
      field: 'endpoints.macAddress',
      value: mac,
    })
  if (network.record.spec.driver === 'ipvlan')
    throw new GantryError('invalid_input', `network ${network.name} gives its containers the mac address of its parent`, {
      field: 'endpoints.macAddress',
      value: mac,
    })
  const taken =
    (network.isBridge && mac === network.bridgePlan.mac) ||
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

/** The name asked for, or the first free one of the network's kind. Throws `already_exists`. */
export function interfaceNameFor(network: Network, spec: EndpointSpec, used: readonly string[]): string {
  const { interfaceName } = endpointOptions(spec.driverOptions)
  if (used.includes(interfaceName))
    throw new GantryError('already_exists', `the container has an interface ${interfaceName} already`, {
      field: 'endpoints.driverOptions',
      value: interfaceName,
    })
  if (interfaceName) return interfaceName
  for (let index = 0; ; index++) {
    const name = `${network.options.interfacePrefix}${index}`
    if (!used.includes(name)) return name
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

/** The endpoint that has the default routes: of those whose network leads outside the one with the highest priority, then by name. */
export function defaultEndpoint(state: NetworkState, endpoints: readonly EndpointRecord[]): EndpointRecord | undefined {
  const leading = endpoints.filter(({ endpoint }) => state.networks.get(endpoint.networkId)?.record.spec.internal === false)
  return leading.sort(
    ({ endpoint: a }, { endpoint: b }) =>
      (b.priority ?? 0) - (a.priority ?? 0) || (a.network < b.network ? -1 : a.network > b.network ? 1 : 0),
  )[0]
}

/** The endpoint that published ports lead to: as above, but among those that the host can reach. */
export function publishEndpoint(state: NetworkState, endpoints: readonly EndpointRecord[]): EndpointRecord | undefined {
  return defaultEndpoint(
    state,
    endpoints.filter(({ endpoint }) => state.networks.get(endpoint.networkId)?.isBridge),
  )
}

/** Operations that make the endpoint's link inside `where`. */
export function endpointOps(network: Network, where: Where, record: EndpointRecord, defaultRoute: boolean): Op[] {
  const { endpoint } = record
  const { mode, parent, mtu } = network.options
  const addresses = [
    { text: endpoint.ipv4Address, prefixLength: endpoint.ipv4PrefixLength, gateway: endpoint.ipv4Gateway },
    { text: endpoint.ipv6Address, prefixLength: endpoint.ipv6PrefixLength, gateway: endpoint.ipv6Gateway },
  ]
    .filter(({ text }) => text)
    .map(({ text, prefixLength, gateway }) => ({
      address: parseAddress(text),
      prefixLength,
      gateway: gateway ? parseAddress(gateway) : null,
    }))
  const { driver } = network.record.spec
  const kind: LinkPlan['kind'] =
    driver === 'bridge'
      ? { driver, link: record.link, bridge: network.record.bridge, isolated: !network.record.spec.icc }
      : { driver, parent: parent || network.record.bridge, mode }
  return linkOps(where, {
    kind,
    interfaceName: record.interfaceName,
    mac: endpoint.macAddress,
    mtu: network.isBridge ? network.record.spec.mtu : mtu,
    addresses,
    linkLocal: (endpoint.linkLocalAddresses ?? []).map(parseAddress),
    sysctls: endpointOptions(endpoint.driverOptions).sysctls,
    defaultRoute,
    label: `gantry network ${network.id.slice(0, 12)}`,
  })
}

/** What binds the endpoint's port on a bridge to its addresses; nothing where there is no port. */
export function endpointGuards(record: EndpointRecord): Element[] {
  if (!record.link) return []
  const addresses = [...endpointAddresses(record), ...(record.endpoint.linkLocalAddresses ?? [])]
  return guardElements(record.link, record.endpoint.macAddress, addresses.map(parseAddress))
}
