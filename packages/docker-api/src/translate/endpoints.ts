import type { Endpoint, PublishedPort } from '@gantry/contracts'

/** One entry of `NetworkSettings.Networks`. */
export function toEndpointSettings(endpoint: Endpoint): object {
  const { networkId, aliases, macAddress, ipv4Address, ipv4PrefixLength, ipv4Gateway, ipv6Address, ipv6PrefixLength, ipv6Gateway } =
    endpoint
  const linkLocal = endpoint.linkLocalAddresses ?? []
  return {
    IPAMConfig: linkLocal.length > 0 ? { LinkLocalIPs: linkLocal } : null,
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
    DNSNames: aliases.length > 0 ? aliases : null,
  }
}

/** Endpoints have no id of their own here: network and hardware address name one as well, in Docker's 64 digits. */
export function endpointId({ networkId, macAddress }: Pick<Endpoint, 'networkId' | 'macAddress'>): string {
  return (macAddress.replaceAll(':', '') + networkId).padEnd(64, '0').slice(0, 64)
}

/** `NetworkSettings.Networks`: of a container that does not run, what it asked for, without addresses. */
export function toNetworks(
  endpoints: readonly Endpoint[],
  { networkMode, wantedNetworks }: { networkMode: string; wantedNetworks: readonly string[] },
): Record<string, object> {
  if (endpoints.length > 0) return Object.fromEntries(endpoints.map((endpoint) => [endpoint.network, toEndpointSettings(endpoint)]))
  if (networkMode.startsWith('container:')) return {}
  const names = wantedNetworks.length > 0 ? wantedNetworks : [networkMode]
  return Object.fromEntries(names.map((network) => [network, toEndpointSettings({ ...nowhere, network })]))
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
