import type { Endpoint, EndpointSpec, PublishedPort } from '@gantry/contracts'

/** Who is on the networks, as its names are known there. */
export interface NamedContainer {
  readonly id: string
  readonly name: string
  readonly hostname: string
}

/** What a container asked of one network; a list of containers knows no more than the network's name. */
type Asked = Pick<EndpointSpec, 'network'> & Partial<EndpointSpec>

/** One entry of `NetworkSettings.Networks`. */
function toEndpointSettings(endpoint: Endpoint, asked: Asked | undefined, container: NamedContainer | undefined): object {
  const { networkId, aliases, macAddress, ipv4Address, ipv4PrefixLength, ipv4Gateway, ipv6Address, ipv6PrefixLength, ipv6Gateway } =
    endpoint
  return {
    IPAMConfig: toIpamConfig(endpoint, asked),
    Links: endpoint.links?.map(({ container, alias }) => `${container}:${alias}`) ?? null,
    Aliases: aliases.length > 0 ? aliases : null,
    MacAddress: macAddress,
    DriverOpts: endpoint.driverOptions ?? null,
    GwPriority: endpoint.priority ?? 0,
    NetworkID: networkId,
    EndpointID: macAddress === '' ? '' : endpointId(endpoint),
    Gateway: ipv4Gateway,
    IPAddress: ipv4Address,
    IPPrefixLen: ipv4PrefixLength,
    IPv6Gateway: ipv6Gateway,
    GlobalIPv6Address: ipv6Address,
    GlobalIPv6PrefixLen: ipv6PrefixLength,
    DNSNames: toDnsNames(endpoint, container),
  }
}

function toIpamConfig(endpoint: Endpoint, asked: Asked | undefined): object | null {
  const linkLocal = endpoint.linkLocalAddresses ?? []
  const config = {
    ...(asked?.ipv4Address ? { IPv4Address: asked.ipv4Address } : {}),
    ...(asked?.ipv6Address ? { IPv6Address: asked.ipv6Address } : {}),
    ...(linkLocal.length > 0 ? { LinkLocalIPs: linkLocal } : {}),
  }
  return Object.keys(config).length > 0 ? config : null
}

/** Docker names none on its default network; in a list, which knows no hostnames, neither. */
function toDnsNames({ network, aliases }: Endpoint, container: NamedContainer | undefined): string[] | null {
  if (!container || ['bridge', 'host', 'none'].includes(network)) return null
  const names = [container.name, ...aliases, container.id.slice(0, 12), container.hostname]
  return [...new Set(names.filter((name) => name !== ''))]
}

/** Endpoints have no id of their own here: network and hardware address name one as well, in Docker's 64 digits. */
export function endpointId({ networkId, macAddress }: Pick<Endpoint, 'networkId' | 'macAddress'>): string {
  return (macAddress.replaceAll(':', '') + networkId).padEnd(64, '0').slice(0, 64)
}

/** `NetworkSettings.Networks`: of a container that does not run, what it asked for, without addresses. */
export function toNetworks(
  endpoints: readonly Endpoint[],
  { networkMode, asked, container }: { networkMode: string; asked: readonly Asked[]; container?: NamedContainer },
): Record<string, object> {
  const askedOf = (network: string) => asked.find((one) => one.network === network)
  if (endpoints.length > 0) {
    return Object.fromEntries(
      endpoints.map((endpoint) => [endpoint.network, toEndpointSettings(endpoint, askedOf(endpoint.network), container)]),
    )
  }
  if (networkMode.startsWith('container:')) return {}
  const wanted = asked.length > 0 ? asked : [{ network: networkMode }]
  return Object.fromEntries(
    wanted.map(({ network, aliases = [], links, linkLocalAddresses, priority, driverOptions }: Asked) => [
      network,
      toEndpointSettings({ ...nowhere, network, aliases, links, linkLocalAddresses, priority, driverOptions }, askedOf(network), container),
    ]),
  )
}

const nowhere: Omit<Endpoint, 'network'> = {
  networkId: '',
  aliases: [],
  macAddress: '',
  ipv4Address: '',
  ipv4PrefixLength: 0,
  ipv4Gateway: '',
  ipv6Address: '',
  ipv6PrefixLength: 0,
  ipv6Gateway: '',
}

/** `{"80/tcp": [{HostIp, HostPort}], "81/tcp": null}`: an exposed port that is not published has no list. */
export function toPortMap(exposed: readonly string[], published: readonly PublishedPort[]): Record<string, object[] | null> {
  const map: Record<string, object[] | null> = Object.fromEntries(exposed.map((port) => [port, null]))
  for (const { containerPort, protocol, hostAddress, hostPort } of published) {
    const key = `${containerPort}/${protocol}`
    map[key] = [...(map[key] ?? []), { HostIp: hostAddress, HostPort: String(hostPort) }]
  }
  return map
}

/** Ports of a list's row. */
export function toPortList(exposed: readonly string[], published: readonly PublishedPort[]): object[] {
  const rows: object[] = published.map(({ containerPort, protocol, hostAddress, hostPort }) => ({
    IP: hostAddress,
    PrivatePort: containerPort,
    PublicPort: hostPort,
    Type: protocol,
  }))
  const shown = new Set(published.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`))
  for (const port of exposed) {
    const [number, protocol] = port.split('/')
    if (!shown.has(port)) rows.push({ PrivatePort: Number(number), Type: protocol })
  }
  return rows
}
