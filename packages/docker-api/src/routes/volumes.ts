import { GantryError, type VolumeInspect, volumeNameSchema } from '@gantry/contracts'
import { createVolume, inspectVolume, listVolumes, pruneVolumes, removeVolume } from '@gantry/core'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { type Filters, filters } from '../filters.ts'
import { flag } from '../query.ts'
import { type Route, json, noContent, route } from '../route.ts'
import { namePattern } from '../translate/name-pattern.ts'
import { toVolume } from '../translate/volume.ts'

const words = z.record(z.string(), z.string()).nullish()
/** Since 1.42 prune leaves volumes with a name alone unless it is told `all`. */
const pruneOnlyAnonymous = 42
const noSwarm =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

export const volumeRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/volumes',
    query: z.object({ filters: filters('dangling', 'driver', 'label', 'name') }),
    async handle(call) {
      const volumes = await call.run(listVolumes, {})
      return json({ Volumes: volumes.filter(isWanted(call.query.filters)).map(toVolume), Warnings: null })
    },
  }),
  route({
    method: 'POST',
    path: '/volumes/create',
    body: z.looseObject({
      Name: z.string().nullish(),
      Driver: z.string().nullish(),
      DriverOpts: words,
      Labels: words,
      ClusterVolumeSpec: z.unknown().optional(),
    }),
    emptyBody: {},
    async handle(call) {
      const { body } = call
      if (body.ClusterVolumeSpec) throw new DockerError(503, noSwarm)
      const name = body.Name ? checkedName(body.Name) : undefined
      const spec = { name, driver: body.Driver || 'local', options: body.DriverOpts ?? {}, labels: body.Labels ?? {} }
      return json(toVolume(await naming(name, () => call.run(createVolume, { spec }))), 201)
    },
  }),
  route({
    method: 'POST',
    path: '/volumes/prune',
    query: z.object({ filters: filters('all', 'label', 'label!') }),
    async handle(call) {
      const { version, query } = call
      const all = version < pruneOnlyAnonymous || (query.filters.flag('all') ?? false)
      const chosen = (await call.run(listVolumes, {})).filter(({ labels }) => query.filters.matchesLabels(labels))
      const { removed, reclaimedBytes } = await call.run(pruneVolumes, { all, names: chosen.map(({ name }) => name) })
      return json({ VolumesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: reclaimedBytes })
    },
  }),
  route({
    method: 'GET',
    path: '/volumes/{name}',
    async handle(call) {
      const { name } = call.params
      return json(toVolume(await inDockersWords(name, () => call.run(inspectVolume, { volume: name }))))
    },
  }),
  route({
    method: 'DELETE',
    path: '/volumes/{name}',
    query: z.object({ force: flag }),
    async handle(call) {
      const { name } = call.params
      await inDockersWords(name, () => call.run(removeVolume, { volume: name, force: call.query.force }))
      return noContent
    },
  }),
]

function isWanted(wanted: Filters): (volume: VolumeInspect) => boolean {
  const dangling = wanted.flag('dangling')
  const isNamed = namePattern(wanted.get('name'))
  return ({ name, driver, labels, usedBy }) =>
    (!wanted.has('name') || isNamed(name)) &&
    wanted.any('driver', (value) => value === driver) &&
    wanted.matchesLabels(labels) &&
    (dangling === undefined || dangling === (usedBy.length === 0))
}

function checkedName(name: string): string {
  if (volumeNameSchema.safeParse(name).success) return name
  const allowed = 'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
  throw new DockerError(400, `create ${name}: "${name}" includes invalid characters for a local volume name, ${allowed}`)
}

/** What is wrong with a new volume is told with its name. */
async function naming<T>(name: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof GantryError) || name === undefined) throw error
    if (error.code === 'invalid_input') throw new DockerError(400, `create ${name}: ${error.message}`)
    if (error.code === 'not_found' && error.detail.field === 'driver') {
      throw new DockerError(404, `create ${name}: error looking up volume plugin ${error.detail.value}: ${error.message}`)
    }
    throw error
  }
}

/** The command line prints them as they are. */
async function inDockersWords<T>(name: string, work: () => Promise<T>): Promise<T> {
  // Such a name can be no volume's.
  if (!volumeNameSchema.safeParse(name).success) throw new DockerError(404, `get ${name}: no such volume`)
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
    if (error.code === 'not_found' && error.detail.field === 'volume') throw new DockerError(404, `get ${name}: no such volume`)
    if (error.code === 'wrong_state') throw new DockerError(409, `remove ${name}: volume is in use - [${error.detail.value ?? ''}]`)
    throw error
  }
}
