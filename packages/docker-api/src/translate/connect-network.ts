import { type EndpointSpecInput, GantryError } from '@gantry/contracts'
import { z } from 'zod'
import { count, isEmpty, optional, refuseUnknown, textMap, texts, word } from './create/fields.ts'

/** EndpointSettings as a request. */
export const endpointSettingsSchema = z.looseObject({
  IPAMConfig: optional(z.looseObject({ IPv4Address: word, IPv6Address: word, LinkLocalIPs: texts })),
  Links: texts,
  Aliases: texts,
  MacAddress: word,
  DriverOpts: textMap,
  GwPriority: count,
})
export type EndpointSettings = z.output<typeof endpointSettingsSchema>

/** What is the engine's to say may stand there too: clients send back what they were told. */
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

/** Nothing but what every endpoint has. */
export function isPlain(settings: EndpointSettings | undefined): boolean {
  return !settings || Object.entries(settings).every(([name, value]) => told.includes(name) || isEmpty(value))
}

/** What a container asks for on one network. */
export function toEndpointSpec(network: string, settings: EndpointSettings | null | undefined): EndpointSpecInput {
  const { IPAMConfig, Links = [], Aliases = [], MacAddress, DriverOpts = {}, GwPriority } = settings ?? {}
  refuseUnknown(`EndpointsConfig.${network}`, settings ?? {}, [...Object.keys(endpointSettingsSchema.shape), ...told])
  refuseUnknown(`EndpointsConfig.${network}.IPAMConfig`, IPAMConfig ?? {}, ['IPv4Address', 'IPv6Address', 'LinkLocalIPs'])
  const linkLocal = IPAMConfig?.LinkLocalIPs ?? []
  return {
    network: network === 'default' ? 'bridge' : network,
    aliases: Aliases,
    ...(IPAMConfig?.IPv4Address && { ipv4Address: IPAMConfig.IPv4Address }),
    ...(IPAMConfig?.IPv6Address && { ipv6Address: IPAMConfig.IPv6Address }),
    ...(MacAddress && { macAddress: MacAddress }),
    ...(linkLocal.length > 0 && { linkLocalAddresses: linkLocal }),
    ...(Links.length > 0 && { links: Links.map(toLink) }),
    ...(GwPriority && { priority: GwPriority }),
    ...(Object.keys(DriverOpts).length > 0 && { driverOptions: DriverOpts }),
  }
}

/** `container[:alias]`, also as docker tells them: `/container:/name/alias`. */
export function toLink(text: string): { container: string; alias: string } {
  const [container = '', alias = container] = text.split(':').map((part) => part.slice(part.lastIndexOf('/') + 1))
  if (!container || !alias) throw new GantryError('invalid_input', `bad format for links: ${text}`, { field: 'Links', value: text })
  return { container, alias }
}
