import { randomBytes } from 'node:crypto'
import { type OutputOf, type VolumeInspect, volumeNameSchema, volumeSpecSchema } from '@gantry/contracts'
import { deleteHoldings, knownKeys, presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import { projectFields, someProjectFields } from '../lib/project-input.ts'
import { hostPolicy } from '../host/host-policy.ts'
import { enginePolicy } from '../policy/engine-policy.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { useCase } from '../use-case.ts'

const volumeFields = { ...projectFields, volume: volumeNameSchema }

export const listVolumes = useCase({
  verb: 'volume.list',
  permission: 'volume.view',
  effect: 'read',
  acrossProjects: true,
  input: z.strictObject({ ...someProjectFields, size: z.boolean().default(false) }),
  async run({ backend, user }, { projectId, size }): Promise<VolumeInspect[]> {
    const volumes = await backend.agent.call('volume.list', { projectId, size })
    if (projectId !== undefined) return volumes
    const shown = new Set((await visibleProjects(backend, user)).map(({ project }) => project.id))
    return volumes.filter((volume) => shown.has(volume.projectId))
  },
})

export const inspectVolume = useCase({
  verb: 'volume.inspect',
  permission: 'volume.view',
  effect: 'read',
  input: z.strictObject(volumeFields),
  run: ({ backend }, input): Promise<VolumeInspect> => backend.agent.call('volume.inspect', input),
})

export const createVolume = useCase({
  verb: 'volume.create',
  permission: 'volume.change',
  effect: 'agent',
  input: z.strictObject({ ...projectFields, spec: volumeSpecSchema }),
  object: ({ spec }) => `volume ${spec.name ?? 'without a name'}`,
  prepare: ({ backend }, { projectId }) => measureDisk(backend, projectId),
  /** The name that the volume gets: it has to be known to be reserved. */
  async admit(tx, { operationId, user }, { projectId, spec }, diskBytes): Promise<string> {
    const name = spec.name ?? randomBytes(32).toString('hex')
    const admission = await lockForAdmission(tx, projectId)
    // docker: creating a volume that is there already returns it.
    if ((await knownKeys(tx, projectId, 'volume', [name])).size > 0) return name
    admit(admission, { volumes: 1 }, diskBytes)
    await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'volume', keys: [name] })
    return name
  },
  async run(scope, { projectId, spec }, name): Promise<VolumeInspect> {
    const { backend, user, role } = scope
    const policy = enginePolicy({ hostAdmin: user.hostAdmin, role }, await hostPolicy(backend.db.read))
    // Of a volume without a name the agent would say so in a label.
    const labels = spec.name === undefined ? { 'com.docker.volume.anonymous': '', ...spec.labels } : spec.labels
    const volume = await backend.agent.call('volume.create', { projectId, spec: { ...spec, name, labels }, policy })
    scope.object = `volume ${volume.name}`
    await scope.commit((tx) => presentHoldings(tx, { projectId, kind: 'volume', keys: [volume.name], createdById: scope.user.id }))
    return volume
  },
})

export const removeVolume = useCase({
  verb: 'volume.remove',
  permission: 'volume.change',
  effect: 'agent',
  input: z.strictObject({ ...volumeFields, force: z.boolean().default(false) }),
  object: ({ volume }) => `volume ${volume}`,
  async run({ backend, commit }, input): Promise<{ volume: string }> {
    await backend.agent.call('volume.remove', input)
    await commit((tx) => deleteHoldings(tx, input.projectId, 'volume', [input.volume]))
    return { volume: input.volume }
  },
})

/** Removes volumes that no container mounts: those without a name, or with `all` every one; with `names` only these of them. */
export const pruneVolumes = useCase({
  verb: 'volume.prune',
  permission: 'volume.change',
  effect: 'agent',
  input: z.strictObject({ ...projectFields, all: z.boolean().default(false), names: z.array(volumeNameSchema).optional() }),
  object: ({ projectId }) => `unused volumes of project ${projectId}`,
  async run({ backend, commit }, input): Promise<OutputOf<'volume.prune'>> {
    const pruned = await backend.agent.call('volume.prune', input)
    await commit((tx) => deleteHoldings(tx, input.projectId, 'volume', pruned.removed))
    return pruned
  },
})
