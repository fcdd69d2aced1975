import { GantryError } from '@gantry/contracts'
import { formatSubnet, overlaps, parseSubnet, type Subnet } from './address.ts'
import type { Network } from './network-record.ts'
import { completeSpec, hostRoute } from './network-spec.ts'
import type { NetworkState } from './state.ts'

export interface TakenSubnet {
  readonly subnet: Subnet
  /** For messages. */
  readonly holder: string
}

/** Subnets of our networks and of the host's routes: whatever a new network must not hide. */
export async function takenSubnets(state: NetworkState): Promise<TakenSubnet[]> {
  return [...subnetsOfNetworks(state, null), ...(await hostRoutes(state))]
}

function subnetsOfNetworks(state: NetworkState, except: Network | null): TakenSubnet[] {
  const others = state.networks.all().filter((network) => network !== except)
  return others.flatMap(({ record, subnets }) => subnets.map((subnet) => ({ subnet, holder: `network ${record.spec.name}` })))
}

async function hostRoutes(state: NetworkState): Promise<TakenSubnet[]> {
  const [routes = ''] = await state.ops([['net.routes', 'host']])
  return (
    routes
      .split('\n')
      .filter((line) => line && !line.includes(` ${state.names.bridgePrefix}`))
      .map((line) => parseSubnet(line.split(' ')[0] ?? ''))
      // Multicast and link-local routes are on every interface and hide nothing.
      .filter((subnet) => subnet.prefixLength > 0 && !/^(ff00|fe80)/.test(formatSubnet(subnet)))
      .map((subnet) => ({ subnet, holder: hostRoute }))
  )
}

/**
 * Before a bridge is made: somebody else may have taken the network's subnet since it was chosen. An automatic network moves to a free
 * one; a chosen one is refused with `already_exists`.
 */
export async function avoidHostRoutes(state: NetworkState, network: Network): Promise<void> {
  const routes = await hostRoutes(state)
  const hidden = routes.find(({ subnet }) => network.subnets.some((own) => overlaps(own, subnet)))
  if (!hidden) return
  const { record } = network
  if (!record.automatic) {
    throw new GantryError(
      'already_exists',
      `network ${network.name} cannot be used: ${formatSubnet(hidden.subnet)} is now ${hidden.holder}`,
      {
        value: network.name,
        remedy: 'remove that route, or make the network anew with another subnet',
      },
    )
  }
  const spec = completeSpec(
    { ...record.spec, ipam: [] },
    [...subnetsOfNetworks(state, network), ...routes],
    state.dependencies.config.instanceId,
  )
  network.move({ ...record, spec })
  await state.networks.save()
  state.log('info', 'a network has moved to another subnet, because the host has a route to the old one', {
    network: network.id,
    before: record.spec.ipam,
    after: spec.ipam,
  })
}
