import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type Endpoint, type EndpointSpec, GantryError, type Op } from '@gantry/contracts'
import { parseAddress } from './address.ts'
import { bringUp } from './bridges.ts'
import { elementOps, forgetFlowsOps } from './elements.ts'
import { defaultEndpoint, endpointGuards, endpointOps, giveBack, interfaceNameFor, reserveEndpoint } from './endpoints.ts'
import { defaultRouteOp, type Where } from './links.ts'
import type { Network } from './network-record.ts'
import { emit } from './network-events.ts'
import { portElements } from './port-table.ts'
import { announce, targetsOf } from './sandboxes.ts'
import type { EndpointRecord, SandboxRecord } from './sandbox-record.ts'
import type { ActiveSandbox, NetworkState } from './state.ts'

/** Adds an endpoint to a running container. */
export async function connectRunning(
  state: NetworkState,
  network: Network,
  containerId: string,
  spec: EndpointSpec,
  pid: number,
): Promise<Endpoint> {
  return state.locks.run(`sandbox ${containerId}`, async () => {
    const { record } = activeSandbox(state, containerId)
    if (record.mode !== 'bridge')
      throw new GantryError(
        'wrong_state',
        `container ${record.name} uses network mode ${record.mode} and cannot be connected to networks`,
        { field: 'network' },
      )
    if (record.endpoints.some(({ endpoint }) => endpoint.networkId === network.id))
      throw new GantryError('already_exists', `container ${record.name} is already connected to network ${network.name}`, {
        field: 'network',
        value: network.name,
      })
    await bringUp(state, network)
    const before = record.endpoints
    const used = before.map(({ interfaceName }) => interfaceName)
    const added = reserveEndpoint(state, network, spec, interfaceNameFor(network, spec, used))
    try {
      await makeLive(state, network, { record, added, pid })
    } catch (error) {
      await removeLink(state, added, pid)
      throw error
    }
    announce(state, record)
    emit(state, network, 'connect', { container: containerId })
    return added.endpoint
  })
}

/** The link, and the default routes when they are to go through it from now on. */
async function makeLive(
  state: NetworkState,
  network: Network,
  { record, added, pid }: { record: SandboxRecord; added: EndpointRecord; pid: number },
): Promise<void> {
  const where = `pid:${pid}` as const
  const endpoints = [...record.endpoints, added]
  const former = defaultEndpoint(state, record.endpoints)
  const isDefault = defaultEndpoint(state, endpoints) === added
  if (!record.resolver && !network.record.builtin) await openResolver(state, record, where)
  await state.ops([...endpointOps(network, where, added, false), ...elementOps(state.names.table, '+', endpointGuards(added))])
  if (isDefault) await state.ops([...routeOps('net.route.delete', where, former), ...routeOps('net.route', where, added)])
  await changeEndpoints(state, record, endpoints)
}

/** A container that had only the default network asks at 127.0.0.11 as well from now on. */
async function openResolver(state: NetworkState, record: SandboxRecord, where: Where): Promise<void> {
  const key = `late-${randomBytes(8).toString('hex')}`
  await state.ops(state.resolver.openOps(key, () => where))
  record.resolver = key
}

/** Takes an endpoint from a running container; default routes and published ports move to another one when there is one. */
export async function disconnectRunning(state: NetworkState, network: Network, containerId: string): Promise<void> {
  await state.locks.run(`sandbox ${containerId}`, async () => {
    const { record } = activeSandbox(state, containerId)
    const gone = record.endpoints.find(({ endpoint }) => endpoint.networkId === network.id)
    if (!gone) throw new GantryError('not_found', `container ${record.name} is not connected to network ${network.name}`)
    const left = record.endpoints.filter((endpoint) => endpoint !== gone)
    const wasDefault = defaultEndpoint(state, record.endpoints) === gone
    state.resolver.leave(containerId, network.id)
    await changeEndpoints(state, record, left)
    await removeLink(state, gone, record.pid)
    announce(state, record)
    const next = wasDefault ? defaultEndpoint(state, left) : undefined
    if (record.pid > 0) await state.ops(routeOps('net.route', `pid:${record.pid}`, next))
    emit(state, network, 'disconnect', { container: containerId })
  })
}

/** Default routes through an endpoint, for each family that it has an address of. */
function routeOps(name: 'net.route' | 'net.route.delete', where: Where, record: EndpointRecord | undefined): Op[] {
  if (!record) return []
  const { endpoint, interfaceName } = record
  const families = [
    { family: 4 as const, address: endpoint.ipv4Address, gateway: endpoint.ipv4Gateway },
    { family: 6 as const, address: endpoint.ipv6Address, gateway: endpoint.ipv6Gateway },
  ].filter(({ address }) => address)
  return families.map(({ family, gateway }) => defaultRouteOp(name, where, family, gateway ? parseAddress(gateway) : null, interfaceName))
}

function activeSandbox(state: NetworkState, containerId: string): ActiveSandbox {
  const active = state.active.get(containerId)
  if (!active) throw new GantryError('wrong_state', `container ${containerId.slice(0, 12)} has no network of its own now`)
  return active
}

/** Links that pass the host by are removed from inside. */
async function removeLink(state: NetworkState, record: EndpointRecord, pid: number): Promise<void> {
  const removal: Op = record.link ? ['net.delete?', 'host', record.link] : ['net.delete?', `pid:${pid}`, record.interfaceName]
  await state.ops([...elementOps(state.names.table, '-', endpointGuards(record)), removal])
  giveBack(state, record)
}

/** Notes the new list of endpoints, and leads published ports to the one that is now the default. */
async function changeEndpoints(state: NetworkState, record: SandboxRecord, endpoints: readonly EndpointRecord[]): Promise<void> {
  const before = targetsOf(state, record.endpoints)
  const after = targetsOf(state, endpoints)
  if (record.published.length > 0 && !isDeepStrictEqual(before, after)) {
    await state.ops(elementOps(state.names.table, '-', portElements(record.published, before)))
    await state.ports.unpublish(record.containerId)
    const holder = { containerId: record.containerId, containerName: record.name, projectId: record.projectId }
    await state.ports.restore(holder, record.published, after)
    await state.ops([...elementOps(state.names.table, '+', portElements(record.published, after)), ...forgetFlowsOps(record.published)])
  }
  record.endpoints = endpoints
  state.sandboxes.save(record)
}
