import { createHash } from 'node:crypto'
import type { ContainerRow, NetworkInspect } from '@gantry/contracts'
import { endpointId } from './endpoints.ts'

type Attached = NetworkInspect['containers'][number]

/** What networks look like that every Docker has and that are not networks of ours: modes of a container. */
export interface PredefinedNetwork {
  readonly name: 'host' | 'none'
  readonly driver: 'host' | 'null'
}
export const predefined: readonly PredefinedNetwork[] = [
  { name: 'host', driver: 'host' },
  { name: 'none', driver: 'null' },
]

/** Who uses the host's network, or none, has no link and no address of its own. */
const noAddresses = { MacAddress: '', IPv4Address: '', IPv6Address: '' }

/** The same for as long as the project is there. */
export function predefinedId({ name }: PredefinedNetwork, projectId: string): string {
  return createHash('sha256').update(`network ${name} of project ${projectId}`).digest('hex')
}

export function toPredefined(
  network: PredefinedNetwork,
  { projectId, version, users }: { projectId: string; version: number; users: readonly Pick<ContainerRow, 'id' | 'name'>[] },
): object {
  return {
    Name: network.name,
    Id: predefinedId(network, projectId),
    Created: '1970-01-01T00:00:00Z',
    ...common({ driver: network.driver, ipv4: true, ipv6: false, internal: false }, version),
    IPAM: { Driver: 'default', Options: null, Config: [] },
    Containers: Object.fromEntries(users.map(({ id, name }) => [id, { Name: name, EndpointID: '', ...noAddresses }])),
    Options: {},
    Labels: {},
  }
}

/** `GET /networks/{id}`; a list's rows are the same without containers. */
export function toNetwork(network: NetworkInspect, version: number, withContainers: boolean): object {
  const { id, spec, createdAt, containers } = network
  return {
    Name: spec.name,
    Id: id,
    Created: createdAt,
    ...common(spec, version),
    IPAM: { Driver: 'default', Options: {}, Config: spec.ipam.map(toIpamConfig) },
    Containers: withContainers ? Object.fromEntries(containers.map((each) => [each.containerId, toAttached(each)])) : {},
    Options: network.builtin ? builtinOptions(network) : spec.options,
    Labels: spec.labels,
  }
}

interface Common {
  readonly driver: string
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly internal: boolean
}

function common({ driver, ipv4, ipv6, internal }: Common, version: number): object {
  return {
    Scope: 'local',
    Driver: driver,
    ...(version >= 47 ? { EnableIPv4: ipv4 } : {}),
    EnableIPv6: ipv6,
    Internal: internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
  }
}

function toIpamConfig({ subnet, gateway, ipRange, auxAddresses }: NetworkInspect['spec']['ipam'][number]): object {
  return {
    Subnet: subnet,
    ...(ipRange && { IPRange: ipRange }),
    ...(gateway && { Gateway: gateway }),
    ...(Object.keys(auxAddresses).length > 0 && { AuxiliaryAddresses: auxAddresses }),
  }
}

function toAttached(each: Attached): object {
  const { containerName, macAddress, ipv4Address, ipv4PrefixLength, ipv6Address, ipv6PrefixLength } = each
  return {
    Name: containerName,
    EndpointID: endpointId(each),
    MacAddress: macAddress,
    IPv4Address: ipv4Address && `${ipv4Address}/${ipv4PrefixLength}`,
    IPv6Address: ipv6Address && `${ipv6Address}/${ipv6PrefixLength}`,
  }
}

/** Docker tells the settings of its default bridge as options, and clients read the mtu there. */
function builtinOptions({ spec }: NetworkInspect): Record<string, string> {
  return {
    'com.docker.network.bridge.default_bridge': 'true',
    'com.docker.network.bridge.enable_icc': String(spec.icc),
    'com.docker.network.bridge.enable_ip_masquerade': String(spec.masquerade),
    'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
    'com.docker.network.driver.mtu': String(spec.mtu),
  }
}
