import type { Op } from '@gantry/contracts'
import { parseAddress } from './address.ts'
import { bringUp } from './bridges.ts'
import { elementOps } from './elements.ts'
import { endpointAddresses, endpointGuards } from './endpoints.ts'
import { warnOfForeignFirewalls } from './foreign-firewall.ts'
import { firewallRuleset } from './ruleset.ts'
import type { SandboxRecord } from './sandbox-record.ts'
import { announce, targetsOf } from './sandboxes.ts'
import { portElements } from './port-table.ts'
import type { NetworkState } from './state.ts'

/**
 * Brings kernel and memory in line with what runs. Every step may be repeated: a recovery that is killed is done again from the start.
 * What belongs to running containers is never taken away; only the firewall's sets are empty for the blink between two operations of
 * one request.
 */
export async function recoverNetworks(state: NetworkState, running: readonly { containerId: string; pid: number }[]): Promise<void> {
  await state.resolver.reset()
  await state.ports.closeAll()
  state.active.clear()
  state.networks.load()
  const pids = new Map(running.map(({ containerId, pid }) => [containerId, pid]))
  const kept: SandboxRecord[] = []
  for (const record of state.sandboxes.load()) {
    const pid = pids.get(record.containerId)
    if (pid === undefined) state.sandboxes.remove(record.containerId)
    else kept.push({ ...record, pid })
  }
  await state.ops([
    ['nft.load', `${state.dependencies.config.nativeDir}/gantry-nft`, firewallRuleset(state.names, namedBridges(state))],
    ...guardOps(state, kept),
  ])
  const links = await sweepLinks(state, kept)
  for (const record of kept) keep(state, record, links)
  await raiseBridges(state)
  await attachLinks(state)
  await state.resolver.adopt()
  await state.ports.adopt()
  await restorePorts(state)
  await state.ports.dropStrays()
  await warnOfForeignFirewalls(state)
}

function namedBridges(state: NetworkState): string[] {
  return state.networks
    .all()
    .filter(({ options }) => options.bridgeName)
    .map(({ bridge }) => bridge)
}

function guardOps(state: NetworkState, kept: readonly SandboxRecord[]): Op[] {
  const endpoints = kept.flatMap((record) => record.endpoints)
  return elementOps(state.names.table, '+', endpoints.flatMap(endpointGuards))
}

function listed(text: string | undefined): string[] {
  return (text ?? '').split('\n').flatMap((line) => line.split(' ')[0] || [])
}

/** Removes links and bridges of ours that nothing accounts for; resolves with the names of the links that are left. */
async function sweepLinks(state: NetworkState, kept: readonly SandboxRecord[]): Promise<Set<string>> {
  const answers = await state.ops([
    ['net.links', 'host', state.names.linkPrefix],
    ['net.links', 'host', state.names.bridgePrefix],
  ])
  const links = new Set(listed(answers[0]))
  const wanted = new Set(kept.flatMap(({ endpoints }) => endpoints.map(({ link }) => link)))
  const bridges = new Set(state.networks.all().map(({ record }) => record.bridge))
  const orphans = [...links].filter((link) => !wanted.has(link)).concat(listed(answers[1]).filter((bridge) => !bridges.has(bridge)))
  if (orphans.length > 0) {
    state.log('info', 'removing links that no container uses', { links: orphans })
    await state.ops(orphans.map((link): Op => ['net.delete?', 'host', link]))
  }
  return new Set([...links].filter((link) => wanted.has(link)))
}

/** Takes a running container's addresses and names again. An endpoint whose link is gone is dropped and said. */
function keep(state: NetworkState, record: SandboxRecord, links: ReadonlySet<string>): void {
  const lost = record.endpoints.filter(({ link, endpoint }) => (link && !links.has(link)) || !state.networks.get(endpoint.networkId))
  for (const { endpoint, link } of lost) {
    state.log('error', 'a running container has lost a network', { container: record.containerId, network: endpoint.network, link })
  }
  const whole = { ...record, endpoints: record.endpoints.filter((endpoint) => !lost.includes(endpoint)) }
  state.active.set(record.containerId, { key: record.containerId, record: whole })
  state.sandboxes.save(whole)
  if (whole.resolver) state.resolver.found(whole.resolver, () => `pid:${whole.pid}`)
  for (const endpoint of whole.endpoints) reserveAgain(state, endpoint.endpoint.networkId, endpointAddresses(endpoint))
  announce(state, whole)
}

function reserveAgain(state: NetworkState, networkId: string, addresses: readonly string[]): void {
  for (const text of addresses) {
    const address = parseAddress(text)
    const pool = state.networks.get(networkId)?.poolWith(address)
    if (pool && !pool.isUsed(address)) pool.reserve(address)
  }
}

/** Networks in use, and those whose bridge is still there, are brought up; the others wait for their first container. */
async function raiseBridges(state: NetworkState): Promise<void> {
  const [text] = await state.ops([['net.links', 'host', state.names.bridgePrefix]])
  const there = new Set(listed(text))
  const used = new Set([...state.active.values()].flatMap(({ record }) => record.endpoints.map(({ endpoint }) => endpoint.networkId)))
  for (const network of state.networks.all()) if (used.has(network.id) || there.has(network.record.bridge)) await bringUp(state, network)
}

/** A bridge that had to be made anew has lost its ports. */
async function attachLinks(state: NetworkState): Promise<void> {
  const endpoints = [...state.active.values()].flatMap(({ record }) => record.endpoints)
  await state.ops(
    endpoints.flatMap(({ link, endpoint }): Op[] => {
      const network = state.networks.get(endpoint.networkId)
      return network && link ? [['net.set', 'host', link, 'master', network.record.bridge, 'up', '1']] : []
    }),
  )
}

async function restorePorts(state: NetworkState): Promise<void> {
  for (const { record } of state.active.values()) {
    if (record.published.length === 0) continue
    const targets = targetsOf(state, record.endpoints)
    const holder = { containerId: record.containerId, containerName: record.name, projectId: record.projectId }
    const lost = await state.ports.restore(holder, record.published, targets)
    for (const { hostPort, protocol } of lost)
      state.log('warn', 'another program listens on a published port', { container: record.containerId, port: `${hostPort}/${protocol}` })
    await state.ops(elementOps(state.names.table, '+', portElements(record.published, targets)))
  }
}
