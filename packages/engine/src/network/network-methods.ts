import { randomBytes } from 'node:crypto'
import { GantryError, type NetworkInspect, type NetworkSpec, networkSpecSchema } from '@gantry/contracts'
import { bringUp, takeDown } from './bridges.ts'
import { emit } from './network-events.ts'
import { completeSpec } from './network-spec.ts'
import { defaultNetworkName, Network, type NetworkRecord } from './network-record.ts'
import { takenSubnets } from './taken-subnets.ts'
import { publishedPorts } from './port-table.ts'
import type { SandboxMaker } from './sandboxes.ts'
import type { NetworkState } from './state.ts'

/** Makes a network; its bridge appears with the first container. One at a time, because each looks at the subnets of all. */
export async function createNetwork(state: NetworkState, projectId: string, spec: NetworkSpec, builtin: boolean): Promise<Network> {
  return state.locks.run('networks', async () => {
    const existing = state.networks.byName(projectId, spec.name)
    if (existing && builtin) return existing
    if (existing || ['host', 'none', 'default'].includes(spec.name)) {
      throw new GantryError('already_exists', `network ${spec.name} already exists`, {
        field: 'name',
        value: spec.name,
        remedy: 'choose another name',
      })
    }
    const complete = completeSpec(spec, await takenSubnets(state), state.dependencies.config.instanceId)
    const network = new Network(newRecord(state, projectId, complete, { builtin, automatic: spec.ipam.length === 0 }))
    if (!network.isBridge) await tryLink(state, network)
    else if (network.options.bridgeName) await tryName(state, network)
    await state.networks.add(network)
    emit(state, network, 'create')
    return network
  })
}

/**
 * Whether this kernel has the driver and the parent takes another link is found out now, and not by the first container.
 * Throws `unsupported`, `not_found`, `wrong_state`.
 */
async function tryLink(state: NetworkState, network: Network): Promise<void> {
  const { driver } = network.record.spec
  const { parent, mode } = network.options
  const key = `probe-${network.id.slice(0, 16)}`
  try {
    await bringUp(state, network)
    await state.ops([
      ['sandbox.new', key, 'host'],
      ['net.macvlan', `sandbox:${key}`, 'probe0', parent || network.record.bridge, driver, mode, '-', '0'],
    ])
  } catch (error) {
    await takeDown(state, network)
    throw linkRefusal(error, driver, parent)
  } finally {
    await state.ops([['sandbox.drop', key]])
  }
}

/** A bridge whose name was chosen is made at once: somebody else may have the name. Throws `already_exists`. */
async function tryName(state: NetworkState, network: Network): Promise<void> {
  try {
    await bringUp(state, network)
  } catch (error) {
    await takeDown(state, network)
    if (!(error instanceof GantryError) || error.detail.errno !== 'EEXIST') throw error
    const { bridgeName } = network.options
    throw new GantryError('already_exists', `the host has a link ${bridgeName} already`, { field: 'options', value: bridgeName })
  }
}

function linkRefusal(error: unknown, driver: string, parent: string): unknown {
  if (!(error instanceof GantryError)) return error
  const { errno } = error.detail
  if (errno === 'EOPNOTSUPP')
    return new GantryError('unsupported', `this kernel has no ${driver} links`, { field: 'driver', value: driver }, { cause: error })
  const detail = { field: 'options.parent', value: parent }
  if (errno === 'ENODEV') return new GantryError('not_found', `the host has no link ${parent}`, detail)
  if (errno === 'EINVAL' || errno === 'EBUSY')
    return new GantryError('wrong_state', `link ${parent} cannot carry a ${driver} network: ${error.message}`, detail)
  return error
}

function newRecord(
  state: NetworkState,
  projectId: string,
  spec: NetworkSpec,
  kind: Pick<NetworkRecord, 'builtin' | 'automatic'>,
): NetworkRecord {
  for (;;) {
    const id = randomBytes(32).toString('hex')
    const bridge = state.names.bridge(id)
    if (state.networks.all().some(({ record }) => record.bridge === bridge)) continue
    return { id, projectId, spec, ...kind, bridge, createdAt: new Date().toISOString() }
  }
}

/** The project's default network, made when it has none. */
export async function ensureDefaultNetwork(state: NetworkState, projectId: string): Promise<Network> {
  return (
    state.networks.byName(projectId, defaultNetworkName) ??
    createNetwork(state, projectId, networkSpecSchema.parse({ name: defaultNetworkName }), true)
  )
}

/** Containers with an endpoint on the network. */
function users(state: NetworkState, network: Network): string[] {
  return [...state.active.values()]
    .filter(({ record }) => record.endpoints.some(({ endpoint }) => endpoint.networkId === network.id))
    .map(({ record }) => record.name)
}

/** Throws `wrong_state` while running containers use it. The default network goes only with its project. */
export async function removeNetwork({ state, pool }: SandboxMaker, network: Network, withBuiltin = false): Promise<void> {
  if (network.record.builtin && !withBuiltin)
    throw new GantryError('invalid_input', `network ${network.name} is the project's default network and cannot be removed`, {
      value: network.name,
    })
  const names = users(state, network)
  if (names.length > 0) {
    throw new GantryError(
      'wrong_state',
      `network ${network.name} is in use by ${names.length === 1 ? 'container' : 'containers'} ${names.slice(0, 5).join(', ')}`,
      {
        value: network.name,
        remedy: 'disconnect or stop the containers first',
      },
    )
  }
  await state.networks.remove(network)
  await pool.drain(network.id)
  await takeDown(state, network)
  emit(state, network, 'destroy')
}

export function inspectNetwork(state: NetworkState, network: Network): NetworkInspect {
  const containers = [...state.active.values()].flatMap(({ record }) =>
    record.endpoints
      .filter(({ endpoint }) => endpoint.networkId === network.id)
      .map(({ endpoint }) => ({
        ...endpoint,
        containerId: record.containerId,
        containerName: record.name,
        ports: publishedPorts(record.published),
      })),
  )
  const { automatic: _, ...shown } = network.record
  return { ...shown, containers }
}

/** `key` or `key=value`, all must match. */
export function hasLabels(network: Network, labels: readonly string[]): boolean {
  return labels.every((label) => {
    const equals = label.indexOf('=')
    const key = equals < 0 ? label : label.slice(0, equals)
    const value = network.record.spec.labels[key]
    return value !== undefined && (equals < 0 || value === label.slice(equals + 1))
  })
}
