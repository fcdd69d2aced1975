import { GantryError, type NetworkInspect } from '@gantry/contracts'
import {
  connectNetwork,
  createNetwork,
  disconnectNetwork,
  inspectNetwork,
  listContainerRows,
  listNetworks,
  pruneNetworks,
  removeNetwork,
} from '@gantry/core'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { type Filters, filters } from '../filters.ts'
import { type Call, json, noContent, type Route, route } from '../route.ts'
import { endpointSettingsSchema, toEndpointSpec } from '../translate/connect-network.ts'
import { createNetworkSchema, toNetworkSpec } from '../translate/create-network.ts'
import { namePattern } from '../translate/name-pattern.ts'
import { predefined, predefinedId, type PredefinedNetwork, toNetwork, toPredefined } from '../translate/network.ts'
import { toMoment } from '../translate/until.ts'

const listFilters = filters('driver', 'type', 'name', 'id', 'label', 'scope', 'dangling')

export const networkRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/networks',
    query: z.object({ filters: listFilters }),
    handle: async (call) => json(await list(call, call.query.filters)),
  }),
  route({ method: 'GET', path: '/networks/{id}', handle: async (call) => json(await inspect(call, call.params.id)) }),
  route({ method: 'POST', path: '/networks/create', body: createNetworkSchema, handle: create }),
  route({
    method: 'POST',
    path: '/networks/prune',
    query: z.object({ filters: filters('label', 'label!', 'until') }),
    async handle(call) {
      const asked = call.query.filters
      const [until] = asked.get('until')
      const { removed } = await call.run(pruneNetworks, {
        labels: [...asked.get('label')],
        notLabels: [...asked.get('label!')],
        ...(until && { createdBefore: toMoment(until) }),
      })
      return json({ NetworksDeleted: removed.length > 0 ? removed : null })
    },
  }),
  route({ method: 'DELETE', path: '/networks/{id}', handle: remove }),
  route({
    method: 'POST',
    path: '/networks/{id}/connect',
    body: z.object({ Container: z.string().min(1), EndpointConfig: endpointSettingsSchema.nullish() }),
    async handle(call) {
      refusePredefined(call.params.id, call.projectId)
      const { Container: container, EndpointConfig } = call.body
      const { spec } = await find(call, call.params.id)
      try {
        await call.run(connectNetwork, { container, endpoint: toEndpointSpec(spec.name, EndpointConfig) })
      } catch (error) {
        if (isGantry(error, 'already_exists', 'network'))
          throw new DockerError(403, `endpoint with name ${container} already exists in network ${spec.name}`)
        throw error
      }
      return { status: 200 }
    },
  }),
  route({
    method: 'POST',
    path: '/networks/{id}/disconnect',
    body: z.object({
      Container: z.string().min(1),
      Force: z
        .boolean()
        .nullish()
        .transform((value) => value ?? false),
    }),
    async handle(call) {
      refusePredefined(call.params.id, call.projectId)
      const { Container: container, Force: force } = call.body
      const { spec } = await find(call, call.params.id)
      try {
        await call.run(disconnectNetwork, { container, network: spec.name, force })
      } catch (error) {
        if (error instanceof GantryError && error.code === 'not_found' && error.message.includes('is not connected'))
          throw new DockerError(500, error.message)
        throw error
      }
      return { status: 200 }
    },
  }),
]

/** Of ours those that fit, and the two that are modes of a container. */
async function list(call: Call, asked: Filters): Promise<object[]> {
  const ours = (await call.run(listNetworks, {})).map((network) => ({
    facts: {
      name: network.spec.name,
      id: network.id,
      driver: network.spec.driver as string,
      builtin: network.builtin,
      labels: network.spec.labels,
      used: network.containers.length > 0,
    },
    shown: toNetwork(network, call.version, call.version < 28),
  }))
  const modes = predefined.map((network) => ({
    facts: {
      name: network.name as string,
      id: predefinedId(network, call.projectId),
      driver: network.driver as string,
      builtin: true,
      labels: {},
      used: true,
    },
    shown: toPredefined(network, { projectId: call.projectId, version: call.version, users: [] }),
  }))
  for (const type of asked.get('type'))
    if (type !== 'custom' && type !== 'builtin') throw new DockerError(400, `invalid filter: 'type'='${type}'`)
  const isNamed = namePattern(asked.get('name'))
  const hasId = namePattern(asked.get('id'))
  const isIt = ({ name, id }: Facts) => (!asked.has('name') || isNamed(name)) && (!asked.has('id') || hasId(id))
  return [...ours, ...modes].filter(({ facts }) => isIt(facts) && fits(facts, asked)).map(({ shown }) => shown)
}

interface Facts {
  readonly name: string
  readonly id: string
  readonly driver: string
  readonly builtin: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly used: boolean
}

function fits(facts: Facts, asked: Filters): boolean {
  const dangling = asked.flag('dangling')
  return (
    asked.any('driver', (value) => facts.driver === value) &&
    asked.any('scope', (value) => value === 'local') &&
    asked.any('type', (value) => (value === 'builtin') === facts.builtin) &&
    asked.matchesLabels(facts.labels) &&
    (dangling === undefined || dangling === (!facts.used && !facts.builtin))
  )
}

async function inspect(call: Call, reference: string): Promise<object> {
  const mode = findPredefined(reference, call.projectId)
  if (mode) return toPredefined(mode, { projectId: call.projectId, version: call.version, users: await usersOf(call, mode) })
  return toNetwork(await find(call, reference), call.version, true)
}

/** Containers that run in this mode now. */
async function usersOf(call: Call, { name }: PredefinedNetwork) {
  const rows = await call.run(listContainerRows, { all: true })
  return rows.filter(({ state, details }) => state.pid > 0 && details?.networkMode === name)
}

async function find(call: Call, reference: string): Promise<NetworkInspect> {
  try {
    return await call.run(inspectNetwork, { network: reference })
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') throw new DockerError(404, `network ${reference} not found`)
    throw error
  }
}

function findPredefined(reference: string, projectId: string): PredefinedNetwork | undefined {
  const isId = /^[0-9a-f]{12,64}$/.test(reference)
  return predefined.find((network) => network.name === reference || (isId && predefinedId(network, projectId).startsWith(reference)))
}

function refusePredefined(reference: string, projectId: string): void {
  const mode = findPredefined(reference, projectId)
  if (!mode) return
  const words = mode.name === 'host' ? 'host' : 'none'
  throw new DockerError(403, `container cannot be disconnected from ${words} network or connected to ${words} network`)
}

async function create(call: Call<string, unknown, z.output<typeof createNetworkSchema>>) {
  const spec = toNetworkSpec(call.body)
  try {
    const { id } = await call.run(createNetwork, { spec })
    return json({ Id: id, Warning: '' }, 201)
  } catch (error) {
    if (isGantry(error, 'already_exists', 'name')) throw new DockerError(409, `network with name ${spec.name} already exists`)
    if (isGantry(error, 'already_exists', 'ipam.subnet'))
      throw new DockerError(403, `invalid pool request: Pool overlaps with other one on this address space (${error.message})`)
    throw error
  }
}

async function remove(call: Call<'/networks/{id}'>) {
  const { id } = call.params
  const mode = findPredefined(id, call.projectId)
  if (mode) throw new DockerError(403, `${mode.name} is a pre-defined network and cannot be removed`)
  const network = await find(call, id)
  const { name } = network.spec
  if (network.builtin) throw new DockerError(403, `${name} is a pre-defined network and cannot be removed`)
  try {
    await call.run(removeNetwork, { network: network.id })
  } catch (error) {
    if (!(error instanceof GantryError) || error.code !== 'wrong_state') throw error
    const users = network.containers.map(({ containerId, containerName }) => `name:"${containerName}" id:"${containerId.slice(0, 12)}"`)
    throw new DockerError(403, `error while removing network: network ${name} has active endpoints (${users.join(', ')})`)
  }
  return noContent
}

function isGantry(error: unknown, code: GantryError['code'], field: string): error is GantryError {
  return error instanceof GantryError && error.code === code && error.detail.field === field
}
