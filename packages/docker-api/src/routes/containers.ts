import { GantryError } from '@gantry/contracts'
import {
  createContainer,
  diffContainer,
  getContainer,
  listContainerRows,
  listExecs,
  projectHost,
  pruneContainers,
  removeContainer,
  renameContainer,
  topContainer,
  updateContainer,
} from '@gantry/core'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { filters, type Filters } from '../filters.ts'
import { flag, text, whole } from '../query.ts'
import { type Call, type Route, json, noContent, route } from '../route.ts'
import { chooseContainers, containerFilters } from '../translate/choose-containers.ts'
import { restartSchema, toRestart } from '../translate/create/lifecycle.ts'
import { resourceFields, toResourcesUpdate } from '../translate/create/resources.ts'
import { createBodySchema, toContainerSpec } from '../translate/create-container.ts'
import { toInspect } from '../translate/inspect-container.ts'
import { toListItem } from '../translate/list-containers.ts'
import { toProcessTable } from '../translate/process-table.ts'
import { unixSeconds } from '../translate/times.ts'
import { toMoment } from '../translate/until.ts'
import { goArchitecture } from './system.ts'

/** Names travel with Docker's slash before them. */
export const reference = (id: string): string => id.replace(/^\//, '')

/** The client takes 404 as word that the image is to be pulled: another container that is not there is an error of the request. */
async function rethrowForCreate(call: Call, error: unknown): Promise<never> {
  if (error instanceof GantryError && error.code === 'not_found' && error.message.startsWith('no such container')) {
    throw new DockerError(400, error.message.replace(/^no/, 'No'))
  }
  return rethrowTakenName(call, error)
}

/** Clients know a taken name by these words, and read its container's id from them. */
async function rethrowTakenName(call: Call, error: unknown): Promise<never> {
  if (!(error instanceof GantryError) || error.code !== 'already_exists' || error.detail.field !== 'spec.name') throw error
  const name = error.detail.value ?? ''
  // The owner may be gone by now, or not be whole yet.
  const owner = await call.run(getContainer, { container: name }).then(
    ({ id }) => ` by container "${id}"`,
    () => '',
  )
  throw new DockerError(
    409,
    `Conflict. The container name "/${name}" is already in use${owner}. You have to remove (or rename) that container to be able to reuse that name.`,
  )
}

const kinds = { modified: 0, added: 1, deleted: 2 }

export const containerRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/containers/create',
    query: z.object({ name: text, platform: text }),
    body: createBodySchema,
    async handle(call) {
      const { name, platform } = call.query
      if (platform !== undefined) await checkPlatform(call, platform)
      const spec = toContainerSpec(checkName(name), call.body, { noNewPrivileges: !call.mayReachHost })
      const { id, warnings } = await call.run(createContainer, { spec }).catch((error) => rethrowForCreate(call, error))
      return json({ Id: id, Warnings: warnings }, 201)
    },
  }),
  route({
    method: 'GET',
    path: '/containers/json',
    query: z.object({ all: flag, size: flag, limit: whole(-1, 1_000_000), filters: filters(...containerFilters) }),
    async handle(call) {
      const { size, filters } = call.query
      const rows = await call.run(listContainerRows, { all: true, size })
      const now = new Date()
      const shown = chooseContainers(rows, { all: call.query.all, limit: call.query.limit ?? 0, filters })
      return json(shown.map((row) => toListItem(row, { version: call.version, now })))
    },
  }),
  route({
    method: 'GET',
    path: '/containers/{id}/json',
    query: z.object({ size: flag }),
    async handle(call) {
      const container = reference(call.params.id)
      const [found, execs] = await Promise.all([
        call.run(getContainer, { container, size: call.query.size }),
        call.run(listExecs, { container }),
      ])
      const running = execs.filter((exec) => exec.running).map((exec) => exec.id)
      return json(toInspect(found, { version: call.version, execIds: running }))
    },
  }),
  route({
    method: 'POST',
    path: '/containers/{id}/rename',
    query: z.object({ name: text }),
    async handle(call) {
      const name = checkName(call.query.name)
      if (name === undefined) throw new GantryError('invalid_input', 'Neither old nor new names may be empty', { field: 'name' })
      await call.run(renameContainer, { container: reference(call.params.id), name }).catch((error) => rethrowTakenName(call, error))
      return noContent
    },
  }),
  route({
    method: 'POST',
    path: '/containers/{id}/update',
    body: z.object({ ...resourceFields, RestartPolicy: restartSchema }),
    async handle(call) {
      const { RestartPolicy: policy } = call.body
      const restart = policy?.Name ? toRestart(policy) : undefined
      const { warnings } = await call.run(updateContainer, {
        container: reference(call.params.id),
        update: { resources: toResourcesUpdate(call.body), restart },
      })
      return json({ Warnings: warnings })
    },
  }),
  route({
    method: 'DELETE',
    path: '/containers/{id}',
    query: z.object({ force: flag, v: flag, link: flag }),
    async handle(call) {
      const { force, v, link } = call.query
      if (link)
        throw new GantryError('unsupported', 'legacy links between containers are not supported', { remedy: 'put both on a network' })
      await call.run(removeContainer, { container: reference(call.params.id), force, volumes: v })
      return noContent
    },
  }),
  route({
    method: 'GET',
    path: '/containers/{id}/top',
    query: z.object({ ps_args: text }),
    async handle(call) {
      const table = await call.run(topContainer, { container: reference(call.params.id) })
      return json(toProcessTable(table, call.query.ps_args ?? '-ef'))
    },
  }),
  route({
    method: 'GET',
    path: '/containers/{id}/changes',
    async handle(call) {
      const changes = await call.run(diffContainer, { container: reference(call.params.id) })
      return json(changes.map(({ kind, path }) => ({ Path: path, Kind: kinds[kind] })))
    },
  }),
  route({
    method: 'POST',
    path: '/containers/prune',
    query: z.object({ filters: filters('until', 'label', 'label!') }),
    async handle(call) {
      const { removed, reclaimed } = await prune(call, call.query.filters)
      return json({ ContainersDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: reclaimed })
    },
  }),
]

function checkName(name: string | undefined): string | undefined {
  const plain = name && reference(name)
  if (plain !== undefined && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(plain)) {
    throw new GantryError('invalid_input', `Invalid container name (${plain}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`, {
      field: 'name',
    })
  }
  return plain
}

/** `linux/amd64[/variant]`: this machine runs its own kind only. */
async function checkPlatform(call: Call, platform: string): Promise<void> {
  const host = await call.run(projectHost, {})
  const [os, architecture] = platform.split('/')
  if (os !== 'linux' || (architecture !== undefined && architecture !== goArchitecture(host.architecture))) {
    throw new GantryError(
      'invalid_input',
      `platform ${platform} does not run on this machine, which is linux/${goArchitecture(host.architecture)}`,
      {
        field: 'platform',
      },
    )
  }
}

/** All that do not run, or those of them that the filters mean: those are removed one by one. */
async function prune(call: Call, filters: Filters): Promise<{ removed: string[]; reclaimed: number }> {
  if (!filters.has('until') && !filters.has('label') && !filters.has('label!')) {
    const { removed, reclaimedBytes } = await call.run(pruneContainers, {})
    return { removed, reclaimed: reclaimedBytes }
  }
  const [given] = filters.get('until')
  const until = given === undefined ? Number.POSITIVE_INFINITY : unixSeconds(toMoment(given))
  const rows = await call.run(listContainerRows, { all: true, size: true })
  const meant = rows.filter(
    ({ state, labels, createdAt }) =>
      ['created', 'exited', 'dead'].includes(state.status) && filters.matchesLabels(labels) && unixSeconds(createdAt) < until,
  )
  const removed: string[] = []
  let reclaimed = 0
  for (const { id, sizeRwBytes } of meant) {
    await call.run(removeContainer, { container: id })
    removed.push(id)
    reclaimed += sizeRwBytes ?? 0
  }
  return { removed, reclaimed }
}
