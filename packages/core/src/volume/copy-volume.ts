import { type VolumeInspect, volumeNameSchema } from '@gantry/contracts'
import { knownKeys, presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import type { Backend, Caller } from '../backend.ts'
import type { ArchiveSink, ArchiveSource } from '../container/archive-container.ts'
import { receive, send } from '../lib/byte-streams.ts'
import { projectFields } from '../lib/project-input.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { useCase } from '../use-case.ts'

const volumeFields = { ...projectFields, volume: volumeNameSchema }
type VolumeInput = z.input<z.ZodObject<typeof volumeFields>>

/** A tar of what is in the volume. */
export function exportVolume(backend: Backend, caller: Caller, input: VolumeInput, sink: ArchiveSink) {
  const exporting = useCase({
    verb: 'volume.export',
    permission: 'volume.change',
    effect: 'agent',
    input: z.strictObject(volumeFields),
    object: ({ volume }) => `volume ${volume}`,
    async run({ backend: { agent } }, asked) {
      const { channel, result } = agent.duplex('volume.export', asked, sink)
      const received = receive(channel, (bytes) => sink.onBytes(bytes))
      const [got, told] = await Promise.allSettled([received, result])
      if (told.status === 'rejected') throw told.reason
      if (got.status === 'rejected') throw got.reason
      return told.value
    },
  })
  return exporting.execute(backend, caller, input)
}

/** Unpacks a tar into an empty volume of a project that has room left. */
export function importVolume(backend: Backend, caller: Caller, input: VolumeInput, source: ArchiveSource) {
  const importing = useCase({
    verb: 'volume.import',
    permission: 'volume.change',
    effect: 'agent',
    input: z.strictObject(volumeFields),
    object: ({ volume }) => `volume ${volume}`,
    prepare: (scope, { projectId }) => measureDisk(scope.backend, projectId),
    async admit(tx, _scope, { projectId }, diskBytes) {
      admit(await lockForAdmission(tx, projectId), {}, diskBytes)
    },
    async run({ backend: { agent } }, asked) {
      const { channel, result } = agent.duplex('volume.import', asked, { ...source, bulk: true })
      const sent = send(channel, source.archive)
      // The agent's verdict comes first: it may refuse before everything is sent.
      sent.catch(() => undefined)
      return result
    },
  })
  return importing.execute(backend, caller, input)
}

export const cloneVolume = useCase({
  verb: 'volume.clone',
  permission: 'volume.change',
  effect: 'agent',
  input: z.strictObject({ ...volumeFields, name: volumeNameSchema }),
  object: ({ volume, name }) => `volume ${volume} as ${name}`,
  prepare: ({ backend }, { projectId }) => measureDisk(backend, projectId),
  async admit(tx, { operationId, user }, { projectId, name }, diskBytes) {
    const admission = await lockForAdmission(tx, projectId)
    if ((await knownKeys(tx, projectId, 'volume', [name])).size > 0) return
    admit(admission, { volumes: 1 }, diskBytes)
    await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'volume', keys: [name] })
  },
  async run(scope, input): Promise<VolumeInspect> {
    const volume = await scope.backend.agent.call('volume.clone', input)
    const { projectId } = input
    await scope.commit((tx) => presentHoldings(tx, { projectId, kind: 'volume', keys: [volume.name], createdById: scope.user.id }))
    return volume
  },
})
