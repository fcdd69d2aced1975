import { GantryError, type Op } from '@gantry/contracts'
import { elementOps, networkElements } from './elements.ts'
import { bridgeOps } from './links.ts'
import type { Network } from './network-record.ts'
import { noFirewall } from './ruleset.ts'
import type { NetworkState } from './state.ts'
import { avoidHostRoutes } from './taken-subnets.ts'

/** Makes the network's bridge, firewall elements and resolver when they are not there yet. */
export async function bringUp(state: NetworkState, network: Network): Promise<void> {
  if (network.up) return
  await state.resolver.ensure()
  await state.locks.run(network.id, async () => {
    if (network.up) return
    if (network.isBridge && isUnused(state, network)) await avoidHostRoutes(state, network)
    if (network.isBridge) await raiseBridge(state, network)
    else await raiseParent(state, network)
    network.up = true
    tellSubnets(state)
  })
}

async function raiseBridge(state: NetworkState, network: Network): Promise<void> {
  await state.ops(bringUpOps(state, network))
  await enableForwarding(
    state,
    network.subnets.some(({ family }) => family === 6),
  )
  if (network.record.builtin) for (const address of network.gatewayTexts()) await state.resolver.listen(address)
}

function tellSubnets(state: NetworkState): void {
  state.resolver.subnets(state.networks.all().flatMap(({ subnets }) => subnets))
}

/** A macvlan or ipvlan network that names no link of the host gets one that leads nowhere. */
async function raiseParent(state: NetworkState, { options, record }: Network): Promise<void> {
  if (options.parent) return
  const link = record.bridge
  const mtu = String(record.spec.mtu)
  try {
    await state.ops([['net.dummy', link, mtu]])
  } catch (error) {
    if (errnoOf(error) !== 'EOPNOTSUPP') throw error
    await raisePair(state, link, mtu)
  }
  await state.ops([
    ['net.sysctl?', 'host', `net/ipv6/conf/${record.bridge}/disable_ipv6`, '1'],
    ['net.set', 'host', record.bridge, 'up', '1'],
  ])
}

/** In place of a dummy link where the kernel has none: a pair whose other end nobody uses. */
async function raisePair(state: NetworkState, link: string, mtu: string): Promise<void> {
  const other = state.names.pairOf(link)
  try {
    await state.ops([['net.veth', 'host', other, link, '-', mtu, '02:67:00:00:00:01', '']])
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  await state.ops([
    ['net.sysctl?', 'host', `net/ipv6/conf/${other}/disable_ipv6`, '1'],
    ['net.set', 'host', other, 'up', '1'],
  ])
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof GantryError ? error.detail.errno : undefined
}

function isUnused(state: NetworkState, network: Network): boolean {
  return ![...state.active.values()].some(({ record }) => record.endpoints.some(({ endpoint }) => endpoint.networkId === network.id))
}

function bringUpOps(state: NetworkState, network: Network): Op[] {
  return [...bridgeOps(network.bridgePlan), ...elementOps(state.names.table, '+', networkElements(network.firewall))]
}

/** The other way round. The network must have no endpoints. */
export async function takeDown(state: NetworkState, network: Network): Promise<void> {
  await state.locks.run(network.id, async () => {
    network.up = false
    if (network.record.builtin) for (const address of network.gatewayTexts()) state.resolver.close(address)
    tellSubnets(state)
    await state.ops([
      ...(network.isBridge ? elementOps(state.names.table, '-', networkElements(network.firewall).reverse()) : []),
      ['net.delete?', 'host', network.record.bridge],
    ])
  })
}

/**
 * Containers reach the outside only when the host forwards. We switch it on when it is off and say so: it is the host's setting, and
 * other interfaces of the host forward from then on as well.
 */
export async function enableForwarding(state: NetworkState, ipv6: boolean): Promise<void> {
  const wanted = ['net/ipv4/ip_forward', ...(ipv6 ? ['net/ipv6/conf/all/forwarding'] : [])]
  const values = await state.ops(wanted.map((path) => ['net.sysctl.read', 'host', path] as const))
  const off = wanted.filter((_, index) => values[index] === '0')
  if (off.length === 0) return
  await state.ops(off.map((path) => ['net.sysctl', 'host', path, '1'] as const))
  state.log('warn', 'packet forwarding was off on this host and is now on, for the networks of containers', { sysctls: off })
}

/** Takes away everything of the instance that is left in the kernel, when no container needs it: bridges and firewall. */
export async function leaveNothing(state: NetworkState): Promise<void> {
  const { config } = state.dependencies
  const bridges = state.networks.all().filter(({ up }) => up)
  for (const network of bridges) network.up = false
  await state.ops([
    ...bridges.map(({ record }): Op => ['net.delete?', 'host', record.bridge]),
    ['nft.load', `${config.nativeDir}/gantry-nft`, noFirewall(state.names)],
  ])
}
