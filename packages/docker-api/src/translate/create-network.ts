import { GantryError, type NetworkSpecInput, networkDrivers } from '@gantry/contracts'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { textMap, word, yes } from './create/fields.ts'

const ipamConfig = z.object({ Subnet: word, IPRange: word, Gateway: word, AuxiliaryAddresses: textMap })

export const createNetworkSchema = z.object({
  Name: z.string().nullish(),
  Driver: word,
  Scope: word,
  EnableIPv4: z.boolean().nullish(),
  EnableIPv6: yes,
  IPAM: z
    .object({
      Driver: word,
      Config: z
        .array(ipamConfig)
        .nullish()
        .transform((value) => value ?? []),
      Options: textMap,
    })
    .nullish(),
  Internal: yes,
  /** Says something in a swarm only. */
  Attachable: yes,
  Ingress: yes,
  ConfigOnly: yes,
  ConfigFrom: z.object({ Network: word }).nullish(),
  Options: textMap,
  Labels: textMap,
})
type Body = z.output<typeof createNetworkSchema>

/** What Docker refuses, in its words. */
export function toNetworkSpec(body: Body): NetworkSpecInput {
  const name = body.Name ?? ''
  if (name.trim() === '') throw new DockerError(400, 'network name cannot be empty')
  if (['bridge', 'host', 'none', 'default'].includes(name))
    throw new DockerError(403, `operation is not permitted on predefined ${name} network `)
  return {
    name,
    driver: toDriver(body.Driver ?? 'bridge'),
    ipam: toIpam(body),
    ipv4: body.EnableIPv4 ?? true,
    ipv6: body.EnableIPv6,
    internal: body.Internal,
    options: body.Options,
    labels: body.Labels,
    ...refuseRest(body),
  }
}

function toDriver(driver: string): NetworkSpecInput['driver'] {
  const known = networkDrivers.find((each) => each === driver)
  if (known) return known
  if (driver === 'host' || driver === 'null') throw new DockerError(403, `only one instance of "${driver}" network is allowed`)
  if (driver === 'overlay')
    throw new DockerError(
      503,
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    )
  throw new DockerError(404, `could not find plugin ${driver} in v1 plugin registry: plugin not found`)
}

function toIpam({ IPAM }: Body): NetworkSpecInput['ipam'] {
  if (IPAM?.Driver && IPAM.Driver !== 'default')
    throw new DockerError(404, `could not find plugin ${IPAM.Driver} in v1 plugin registry: plugin not found`)
  if (IPAM && Object.keys(IPAM.Options).length > 0) throw unsupported('IPAM.Options', 'the default driver has no options')
  return (IPAM?.Config ?? []).flatMap(({ Subnet, IPRange, Gateway, AuxiliaryAddresses }) => {
    if (!Subnet && !IPRange && !Gateway && Object.keys(AuxiliaryAddresses).length === 0) return []
    if (!Subnet) throw new DockerError(400, 'invalid network config:\ninvalid subnet : a subnet must be given with a gateway or range')
    return [{ subnet: Subnet, ipRange: IPRange, gateway: Gateway, auxAddresses: AuxiliaryAddresses }]
  })
}

/** Of a swarm, or of networks that are templates for others. */
function refuseRest({ Scope, Ingress, ConfigOnly, ConfigFrom }: Body): Record<string, never> {
  if (Scope && Scope !== 'local') throw unsupported('Scope', 'networks are of this machine only')
  if (Ingress) throw unsupported('Ingress', 'there is no swarm')
  if (ConfigOnly || ConfigFrom?.Network) throw unsupported(ConfigOnly ? 'ConfigOnly' : 'ConfigFrom', 'networks are made whole')
  return {}
}

function unsupported(field: string, why: string): GantryError {
  return new GantryError('unsupported', `${field} is not supported: ${why}`, { field })
}
