import { type Endpoint, GantryError, type NetworkInspect, type NetworkSpec, type PublishedPort, type Stats } from '@gantry/contracts'
import { tellPruned } from '../event/tell-pruned.ts'
import type { Sandbox, SandboxRequest } from '../ports.ts'
import { leaveNothing } from './bridges.ts'
import { connectRunning, disconnectRunning } from './live-endpoints.ts'
import type { NetworkDependencies, NetworkEngine, PruneFilter } from './network-engine.ts'
import { createNetwork, ensureDefaultNetwork, hasLabels, inspectNetwork, removeNetwork } from './network-methods.ts'
import { defaultNetworkName, type Network } from './network-record.ts'
import { publishedPorts } from './port-table.ts'
import { recoverNetworks } from './recovery.ts'
import { acquireSandbox, announce, releaseSandbox, type SandboxMaker } from './sandboxes.ts'
import { NetworkState } from './state.ts'
import { WarmPool } from './warm-pool.ts'

export type { NetworkDependencies, NetworkEngine }

/** See `NetworkEngine` for the life of what this makes. */
export function createNetworkController(dependencies: NetworkDependencies): NetworkEngine {
  return new BridgeNetworks(dependencies)
}

class BridgeNetworks implements NetworkEngine, SandboxMaker {
  readonly state: NetworkState
  readonly pool: WarmPool

  constructor(dependencies: NetworkDependencies) {
    this.state = new NetworkState(dependencies)
    this.pool = new WarmPool(this.state)
  }

  acquire(request: SandboxRequest): Promise<Sandbox> {
    return acquireSandbox(this, request)
  }

  release(containerId: string): Promise<void> {
    return releaseSandbox(this, containerId)
  }

  recover(running: readonly { containerId: string; pid: number }[]): Promise<void> {
    return recoverNetworks(this.state, running)
  }

  endpoints(containerId: string): Endpoint[] {
    return this.state.active.get(containerId)?.record.endpoints.map(({ endpoint }) => endpoint) ?? []
  }

  ports(containerId: string): PublishedPort[] {
    return publishedPorts(this.state.active.get(containerId)?.record.published ?? [])
  }

  async counters(containerIds: readonly string[]): Promise<Map<string, Stats['network']>> {
    const [text = ''] = await this.state.ops([['net.links', 'host', this.state.names.linkPrefix]])
    const links = new Map(text.split('\n').map((line) => [line.split(' ')[0] ?? '', line.split(' ').slice(4, 12).map(Number)]))
    const result = new Map<string, Stats['network']>()
    for (const containerId of containerIds) {
      const counters: Stats['network'] = {}
      const record = this.state.active.get(containerId)?.record
      for (const { link, interfaceName } of record?.endpoints ?? []) {
        const numbers = link ? links.get(link) : undefined
        if (numbers) counters[interfaceName] = seenFromInside(numbers)
        else if (!link && record) Object.assign(counters, await this.#countersInside(record.pid, interfaceName))
      }
      result.set(containerId, counters)
    }
    return result
  }

  /** Of a link that the host does not see. A container that has just ended has none. */
  async #countersInside(pid: number, interfaceName: string): Promise<Stats['network']> {
    const [text = ''] = await this.state.ops([['net.links', `pid:${pid}`, interfaceName]]).catch(() => [''])
    const line = text.split('\n').find((each) => each.startsWith(`${interfaceName} `))
    return line ? { [interfaceName]: asCounters(line.split(' ').slice(4, 12).map(Number)) } : {}
  }

  defaultNetwork(projectId: string): Promise<Network> {
    return ensureDefaultNetwork(this.state, projectId)
  }

  async ensureDefault(projectId: string): Promise<NetworkInspect> {
    return inspectNetwork(this.state, await this.defaultNetwork(projectId))
  }

  async create(projectId: string, spec: NetworkSpec): Promise<NetworkInspect> {
    return inspectNetwork(this.state, await createNetwork(this.state, projectId, spec, false))
  }

  async list({ projectId, labels = [] }: { projectId?: string; labels?: readonly string[] }): Promise<NetworkInspect[]> {
    const networks = projectId === undefined ? this.state.networks.all() : this.state.networks.ofProject(projectId)
    return networks.filter((network) => hasLabels(network, labels)).map((network) => inspectNetwork(this.state, network))
  }

  async inspect(projectId: string, reference: string): Promise<NetworkInspect> {
    return inspectNetwork(this.state, this.state.networks.find(projectId, reference))
  }

  remove(projectId: string, reference: string): Promise<void> {
    return this.state.locks.run('networks', async () => removeNetwork(this, this.state.networks.find(projectId, reference)))
  }

  prune(projectId: string, { labels = [], notLabels = [], createdBefore }: PruneFilter): Promise<{ removed: string[] }> {
    return this.state.locks.run('networks', async () => {
      const removed: string[] = []
      for (const network of this.state.networks.ofProject(projectId)) {
        const { containers } = inspectNetwork(this.state, network)
        if (
          network.record.builtin ||
          containers.length > 0 ||
          !hasLabels(network, labels) ||
          notLabels.some((label) => hasLabels(network, [label])) ||
          (createdBefore !== undefined && Date.parse(network.record.createdAt) >= Date.parse(createdBefore))
        )
          continue
        await removeNetwork(this, network)
        removed.push(network.name)
      }
      tellPruned(this.state.dependencies.events, 'network', projectId, 0)
      return { removed }
    })
  }

  removeProject(projectId: string): Promise<void> {
    return this.state.locks.run('networks', async () => {
      for (const network of this.state.networks.ofProject(projectId)) await removeNetwork(this, network, true)
    })
  }

  async connect(request: Parameters<NetworkEngine['connect']>[0]): Promise<Endpoint | null> {
    const { projectId, containerId, endpoint, pid } = request
    const network = this.#find(projectId, endpoint.network) ?? (await this.defaultNetwork(projectId))
    return pid === undefined ? null : connectRunning(this.state, network, containerId, endpoint, pid)
  }

  async disconnect({ projectId, containerId, network, running, force }: Parameters<NetworkEngine['disconnect']>[0]): Promise<void> {
    if (!running) return
    try {
      await disconnectRunning(this.state, this.state.networks.find(projectId, network), containerId)
    } catch (error) {
      if (!(force && error instanceof GantryError && error.code === 'not_found')) throw error
    }
  }

  /** Null when it is the project's default network and not made yet. Throws `not_found`. */
  #find(projectId: string, name: string): Network | null {
    if (name === defaultNetworkName || name === 'default') return this.state.networks.byName(projectId, name) ?? null
    return this.state.networks.find(projectId, name)
  }

  rename(containerId: string, name: string): void {
    const record = this.state.active.get(containerId)?.record
    if (!record) return
    record.name = name
    announce(this.state, record)
    this.state.sandboxes.save(record)
  }

  started(containerId: string, pid: number): void {
    const record = this.state.active.get(containerId)?.record
    if (record) record.pid = pid
    this.pool.started()
  }

  async settled(): Promise<void> {
    this.pool.hurry()
    await this.state.settled()
  }

  async close(): Promise<void> {
    await this.pool.close()
    await this.state.settled()
    const isIdle = this.state.active.size === 0
    if (isIdle) await leaveNothing(this.state)
    const { ports, resolver } = this.state
    await (isIdle ? Promise.all([resolver.end(), ports.closeAll()]) : Promise.all([resolver.abandon(), ports.abandon()]))
  }
}

/** What the host's end received is what the container sent. */
function seenFromInside(numbers: readonly number[]): Stats['network'][string] {
  return asCounters([...numbers.slice(4), ...numbers.slice(0, 4)])
}

function asCounters(numbers: readonly number[]): Stats['network'][string] {
  const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = numbers
  return { rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }
}
