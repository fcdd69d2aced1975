import { GantryError } from '@gantry/contracts'
import {
  createContainer,
  diffContainer,
  getContainer,
  listContainerRows,
  listExecs,
  listImages,
  projectHost,
  pruneContainers,
  removeContainer,
  renameContainer,
  tellContainer,
  topContainer,
  updateContainer,
} from '@gantry/core'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { filters } from '../filters.ts'
import { flag, text, whole } from '../query.ts'
import { type Call, type Route, json, noContent, route } from '../route.ts'
import { chooseContainers, containerFilters } from '../translate/choose-containers.ts'
import { restartSchema, toRestart } from '../translate/create/lifecycle.ts'
import { resourceFields, toResourcesUpdate } from '../translate/create/resources.ts'
import { createBodySchema, toContainerSpec } from '../translate/create-container.ts'
import { toInspect } from '../translate/inspect-container.ts'
import { toListItem } from '../translate/list-containers.ts'
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
      const sizes = new Map((size ? await call.run(listImages, {}) : []).map((image) => [image.id, image.sizeBytes]))
      return json(shown.map((row) => toListItem(row, { version: call.version, now, imageBytes: sizes.get(row.imageId) ?? 0 })))
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
      const imageBytes = call.query.size ? await bytesOfImage(call, found.imageId) : 0
      return json(toInspect(found, { version: call.version, execIds: running, imageBytes }))
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
      const container = reference(call.params.id)
      const args = (call.query.ps_args ?? '').split(/[ \t]+/).filter((word) => word !== '')
      const { titles, processes } = await call.run(topContainer, { container, psArgs: isPlainTop(args) ? undefined : args })
      await call.run(tellContainer, { container, action: 'top' })
      return json({ Titles: titles, Processes: processes })
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
      const asked = call.query.filters
      const [until] = asked.get('until')
      const { removed, reclaimedBytes } = await call.run(pruneContainers, {
        labels: [...asked.get('label')],
        notLabels: [...asked.get('label!')],
        ...(until && { createdBefore: toMoment(until) }),
      })
      return json({ ContainersDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: reclaimedBytes })
    },
  }),
]

async function bytesOfImage(call: Pick<Call, 'run'>, id: string): Promise<number> {
  const images = await call.run(listImages, {})
  return images.find((image) => image.id === id)?.sizeBytes ?? 0
}

/** What the agent tells without asking `ps`. */
const isPlainTop = (args: readonly string[]) => args.length === 0 || (args.length === 1 && args[0] === '-ef')

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
