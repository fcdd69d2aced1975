import { type ContainerSpecInput, GantryError } from '@gantry/contracts'
import { z } from 'zod'
import { optional, refuseUnknown, refuseValue, texts, word, yes } from './fields.ts'

const ipam = z.looseObject({ IPv4Address: word, IPv6Address: word, LinkLocalIPs: texts })
/** What a container asks for on one network; what is the engine's to say may stand there too, as clients send back what they were told. */
export const endpointSchema = z.looseObject({
  IPAMConfig: optional(ipam),
  Aliases: texts,
  MacAddress: word,
})
const told = [
  'NetworkID',
  'EndpointID',
  'Gateway',
  'IPAddress',
  'IPPrefixLen',
  'IPv6Gateway',
  'GlobalIPv6Address',
  'GlobalIPv6PrefixLen',
  'DNSNames',
]
const binding = z.object({ HostIp: word, HostPort: word })

/** Fields of HostConfig about the network. */
export const networkFields = {
  NetworkMode: word,
  PortBindings: optional(z.record(z.string(), optional(z.array(binding)))),
  PublishAllPorts: yes,
  Dns: texts,
  DnsSearch: texts,
  DnsOptions: texts,
  ExtraHosts: texts,
}
type Given = z.output<z.ZodObject<typeof networkFields>>
type Endpoint = NonNullable<ContainerSpecInput['endpoints']>[number]
type Port = NonNullable<ContainerSpecInput['ports']>[number]

export const networkingSchema = optional(z.looseObject({ EndpointsConfig: optional(z.record(z.string(), optional(endpointSchema))) }))

export interface NetworkConfig {
  exposedPorts: readonly string[]
  /** Of `Config`, before 1.44. */
  macAddress: string | undefined
  endpoints: Record<string, z.output<typeof endpointSchema> | undefined>
}

export function toNetwork(host: Given, config: NetworkConfig): Partial<ContainerSpecInput> {
  return {
    ...modeAndEndpoints(host.NetworkMode ?? 'default', config),
    ports: Object.entries(host.PortBindings ?? {}).flatMap(([port, bindings]) => toPorts(port, bindings ?? [])),
    exposedPorts: config.exposedPorts.map(withProtocol),
    publishAll: host.PublishAllPorts,
    dns: host.Dns,
    dnsSearch: host.DnsSearch,
    dnsOptions: host.DnsOptions,
    extraHosts: host.ExtraHosts,
  }
}

/** Names of the project's own first network, as clients call it. */
const defaultNames: readonly string[] = ['default', 'bridge']

function modeAndEndpoints(mode: string, { endpoints, macAddress }: NetworkConfig): Pick<ContainerSpecInput, 'networkMode' | 'endpoints'> {
  const plain = mode === 'host' || mode === 'none' || mode.startsWith('container:')
  // Clients send an empty endpoint along with every mode.
  const asked = Object.entries(endpoints).filter(([name, endpoint]) => !(plain && name === mode && isPlain(endpoint)))
  if (plain) {
    if (asked.length > 0)
      throw new GantryError('invalid_input', `network mode ${mode} excludes networks: ${asked[0]?.[0]}`, { field: 'NetworkingConfig' })
    return { networkMode: mode, endpoints: [] }
  }
  const first = asked.find(([name]) => sameNetwork(name, mode))?.[1]
  const others = asked.filter(([name]) => !sameNetwork(name, mode))
  const own = toEndpoint(mode, first, macAddress)
  // The project's own network without wishes is what no endpoint at all means.
  if (defaultNames.includes(mode) && others.length === 0 && isPlain(first) && !macAddress) return { networkMode: 'bridge', endpoints: [] }
  return { networkMode: 'bridge', endpoints: [own, ...others.map(([name, endpoint]) => toEndpoint(name, endpoint, undefined))] }
}

const sameNetwork = (name: string, mode: string) => name === mode || (defaultNames.includes(name) && defaultNames.includes(mode))

function isPlain(endpoint: z.output<typeof endpointSchema> | undefined): boolean {
  return (
    !endpoint ||
    (!endpoint.IPAMConfig?.IPv4Address && !endpoint.IPAMConfig?.IPv6Address && !endpoint.MacAddress && endpoint.Aliases.length === 0)
  )
}

/** One entry of EndpointsConfig, also of `network connect`. */
export function toEndpoint(name: string, endpoint: z.output<typeof endpointSchema> | undefined, macAddress: string | undefined): Endpoint {
  refuseUnknown(`EndpointsConfig.${name}`, endpoint ?? {}, [...Object.keys(endpointSchema.shape), ...told])
  refuseUnknown(`EndpointsConfig.${name}.IPAMConfig`, endpoint?.IPAMConfig ?? {}, ['IPv4Address', 'IPv6Address'])
  return {
    network: name === 'default' ? 'bridge' : name,
    aliases: endpoint?.Aliases ?? [],
    ipv4Address: endpoint?.IPAMConfig?.IPv4Address,
    ipv6Address: endpoint?.IPAMConfig?.IPv6Address,
    macAddress: endpoint?.MacAddress ?? macAddress,
  }
}

const withProtocol = (port: string) => (port.includes('/') ? port : `${port}/tcp`)

/** `80/tcp: [{HostIp, HostPort}]`; no host port lets one be picked, a range means one of it. */
function toPorts(port: string, bindings: readonly z.output<typeof binding>[]): Port[] {
  const [number = '', protocol = 'tcp'] = port.split('/')
  if (!/^\d{1,5}$/.test(number)) throw refuseValue('HostConfig.PortBindings', port, 'a port such as 80/tcp')
  return bindings.map(({ HostIp, HostPort }) => {
    if (HostPort !== undefined && !/^\d{1,5}$/.test(HostPort))
      throw refuseValue('HostConfig.PortBindings', `host port ${HostPort}`, 'a number')
    return {
      containerPort: Number(number),
      // The schema of the spec knows which protocols there are.
      protocol: protocol as Port['protocol'],
      hostAddress: HostIp === undefined || HostIp === '0.0.0.0' ? HostIp : HostIp.replace(/[[\]]/g, ''),
      hostPort: Number(HostPort ?? 0) || undefined,
    }
  })
}
