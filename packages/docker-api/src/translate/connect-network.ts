import { type EndpointSpecInput, GantryError } from '@gantry/contracts'
import { z } from 'zod'

const word = z
  .string()
  .nullish()
  .transform((value) => value || undefined)
const words = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? [])

/** EndpointSettings as a request. What is the engine's to say may stand there too: clients send back what they were told. */
export const endpointSettingsSchema = z.object({
  IPAMConfig: z.object({ IPv4Address: word, IPv6Address: word, LinkLocalIPs: words }).nullish(),
  Links: words,
  Aliases: words,
  MacAddress: word,
  DriverOpts: z.record(z.string(), z.string()).nullish(),
  GwPriority: z.number().int().nullish(),
})
export type EndpointSettings = z.output<typeof endpointSettingsSchema>

/** What a container asks for on one network. */
export function toEndpointSpec(network: string, settings: EndpointSettings | null | undefined): EndpointSpecInput {
  const { IPAMConfig, Links = [], Aliases = [], MacAddress, DriverOpts, GwPriority } = settings ?? {}
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
    ...(DriverOpts && Object.keys(DriverOpts).length > 0 && { driverOptions: DriverOpts }),
  }
}

/** `container[:alias]`, also as docker tells them: `/container:/name/alias`. */
export function toLink(text: string): { container: string; alias: string } {
  const [container = '', alias = container] = text.split(':').map((part) => part.slice(part.lastIndexOf('/') + 1))
  if (!container || !alias) throw new GantryError('invalid_input', `bad format for links: ${text}`, { field: 'Links', value: text })
  return { container, alias }
}
