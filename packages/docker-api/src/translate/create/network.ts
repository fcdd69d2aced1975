import { type ContainerSpecInput, GantryError } from '@gantry/contracts'
import { z } from 'zod'
import { type EndpointSettings, endpointSettingsSchema, isPlain, toEndpointSpec, toLink } from '../connect-network.ts'
import { optional, refuseValue, texts, word, yes } from './fields.ts'

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
  /** `container:alias`, of the network that the container is first on. */
  Links: texts,
}
type Given = z.output<z.ZodObject<typeof networkFields>>
type Endpoint = NonNullable<ContainerSpecInput['endpoints']>[number]
type Port = NonNullable<ContainerSpecInput['ports']>[number]

export const networkingSchema = optional(
  z.looseObject({ EndpointsConfig: optional(z.record(z.string(), optional(endpointSettingsSchema))) }),
)

export interface NetworkConfig {
  exposedPorts: readonly string[]
  /** Of `Config`, before 1.44. */
  macAddress: string | undefined
  endpoints: Record<string, EndpointSettings | undefined>
}

export function toNetwork(host: Given, config: NetworkConfig): Partial<ContainerSpecInput> {
  return {
    ...modeAndEndpoints(host.NetworkMode ?? 'default', host.Links, config),
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

function modeAndEndpoints(
  mode: string,
  links: readonly string[],
  { endpoints, macAddress }: NetworkConfig,
): Pick<ContainerSpecInput, 'networkMode' | 'endpoints'> {
  const plain = mode === 'host' || mode === 'none' || mode.startsWith('container:')
  // Clients send an empty endpoint along with every mode.
  const asked = Object.entries(endpoints).filter(([name, endpoint]) => !(plain && name === mode && isPlain(endpoint)))
  if (plain && links.length > 0)
    throw new GantryError(
      'invalid_input',
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      {
        field: 'HostConfig.Links',
      },
    )
  if (plain) {
    if (asked.length > 0)
      throw new GantryError('invalid_input', `network mode ${mode} excludes networks: ${asked[0]?.[0]}`, { field: 'NetworkingConfig' })
    return { networkMode: mode, endpoints: [] }
  }
  const first = asked.find(([name]) => sameNetwork(name, mode))?.[1]
  const others = asked.filter(([name]) => !sameNetwork(name, mode))
  const own = ownEndpoint(mode, first, { macAddress, links })
  // The project's own network without wishes is what no endpoint at all means.
  if (defaultNames.includes(mode) && others.length === 0 && isPlain(first) && !macAddress && links.length === 0)
    return { networkMode: 'bridge', endpoints: [] }
  return { networkMode: 'bridge', endpoints: [own, ...others.map(([name, endpoint]) => toEndpointSpec(name, endpoint))] }
}

const sameNetwork = (name: string, mode: string) => name === mode || (defaultNames.includes(name) && defaultNames.includes(mode))

function ownEndpoint(
  name: string,
  settings: EndpointSettings | undefined,
  { macAddress, links }: { macAddress: string | undefined; links: readonly string[] },
): Endpoint {
  const endpoint = toEndpointSpec(name, settings)
  const all = [...(endpoint.links ?? []), ...links.map(toLink)]
  return { ...(macAddress && { macAddress }), ...endpoint, ...(all.length > 0 && { links: all }) }
}

const withProtocol = (port: string) => (port.includes('/') ? port : `${port}/tcp`)

/** `80/tcp: [{HostIp, HostPort}]`; no host port lets one be picked, a range means one of it. */
function toPorts(port: string, bindings: readonly z.output<typeof binding>[]): Port[] {
  const [number = '', protocol = 'tcp'] = port.split('/')
  if (!/^\d{1,5}$/.test(number)) throw refuseValue('HostConfig.PortBindings', port, 'a port such as 80/tcp')
  return bindings.map(({ HostIp, HostPort }) => {
    if (HostPort !== undefined && !/^\d{1,5}(-\d{1,5})?$/.test(HostPort))
      throw refuseValue('HostConfig.PortBindings', `host port ${HostPort}`, 'a number or a range')
    const [hostPort, hostPortEnd] = (HostPort ?? '').split('-')
    return {
      containerPort: Number(number),
      // The schema of the spec knows which protocols there are.
      protocol: protocol as Port['protocol'],
      hostAddress: HostIp === undefined || HostIp === '0.0.0.0' ? HostIp : HostIp.replace(/[[\]]/g, ''),
      hostPort: Number(hostPort) || undefined,
      ...(hostPortEnd && { hostPortEnd: Number(hostPortEnd) }),
    }
  })
}
