import { type ContainerSpecInput, GantryError } from '@gantry/contracts'
import { parseInteger } from './size.ts'

type EndpointInput = NonNullable<ContainerSpecInput['endpoints']>[number]

export interface NetworkFlags {
  network: string[]
  networkAlias: string[]
  link: string[]
  linkLocalIp: string[]
  ip?: string
  ip6?: string
  macAddress?: string
}

/**
 * `--network NAME` or `--network name=NAME,alias=…,ip=…,gw-priority=…,driver-opt=KEY=VALUE`, as docker writes it. What has a flag of
 * its own belongs to the first network, aliases to all.
 */
export function parseNetworks(flags: NetworkFlags): Pick<ContainerSpecInput, 'networkMode' | 'endpoints'> {
  const asked = flags.network.map(parseNetwork)
  const mode = asked.find(({ network }) => ['host', 'none'].includes(network) || network.startsWith('container:'))?.network
  if (mode && asked.length > 1) {
    throw new GantryError('invalid_input', `--network ${mode} cannot be combined with other networks`, { field: '--network' })
  }
  if (mode) return { networkMode: mode, endpoints: [] }
  const first = {
    ...(flags.ip && { ipv4Address: flags.ip }),
    ...(flags.ip6 && { ipv6Address: flags.ip6 }),
    ...(flags.macAddress && { macAddress: flags.macAddress }),
    ...(flags.link.length > 0 && { links: flags.link.map(parseLink) }),
    ...(flags.linkLocalIp.length > 0 && { linkLocalAddresses: flags.linkLocalIp }),
  }
  const named: EndpointInput[] = asked.length > 0 ? asked : [{ network: 'bridge' }]
  const endpoints = named.map((endpoint, index) => ({
    ...(index === 0 && first),
    ...endpoint,
    network: endpoint.network === 'default' ? 'bridge' : endpoint.network,
    aliases: [...flags.networkAlias, ...(endpoint.aliases ?? [])],
  }))
  const [only] = endpoints
  const isUsual = endpoints.length === 1 && only?.network === 'bridge' && only.aliases.length === 0 && Object.keys(only).length === 2
  return { networkMode: 'bridge', endpoints: isUsual ? [] : endpoints }
}

function parseNetwork(text: string): EndpointInput {
  if (!/(^|,)name=/.test(text)) return { network: text }
  const endpoint: EndpointInput = { network: '' }
  for (const field of text.split(',')) {
    const at = field.indexOf('=')
    const [key, value] = [field.slice(0, at), field.slice(at + 1)]
    setField(endpoint, key, value, text)
  }
  return endpoint
}

function setField(endpoint: EndpointInput, key: string, value: string, text: string): void {
  if (key === 'name') endpoint.network = value
  else if (key === 'alias') endpoint.aliases = [...(endpoint.aliases ?? []), value]
  else if (key === 'ip') endpoint.ipv4Address = value
  else if (key === 'ip6') endpoint.ipv6Address = value
  else if (key === 'mac-address') endpoint.macAddress = value
  else if (key === 'link-local-ip') endpoint.linkLocalAddresses = [...(endpoint.linkLocalAddresses ?? []), value]
  else if (key === 'gw-priority') endpoint.priority = parseInteger('--network gw-priority', value)
  else if (key === 'driver-opt') endpoint.driverOptions = { ...endpoint.driverOptions, ...parseOption('--network', value) }
  else throw new GantryError('invalid_input', `--network ${text}: unknown field ${key}`, { field: '--network', value: key })
}

/** `container[:alias]` */
export function parseLink(text: string): { container: string; alias: string } {
  const [container = '', alias = container, ...rest] = text.split(':')
  if (!container || !alias || rest.length > 0)
    throw new GantryError('invalid_input', `--link ${text}: is not container[:alias]`, { field: '--link', value: text })
  return { container, alias }
}

/** `key=value` of a driver option. */
export function parseOption(flag: string, text: string): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new GantryError('invalid_input', `${flag} ${text}: is not key=value`, { field: flag, value: text })
  return { [text.slice(0, at)]: text.slice(at + 1) }
}
