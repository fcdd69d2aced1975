import { type OutputOf, imageChangesSchema, imageRefSchema } from '@gantry/contracts'
import { presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import type { ArchiveSource } from '../container/archive-container.ts'
import { roomFor } from '../image/room.ts'
import { send } from '../lib/byte-streams.ts'
import { projectFields } from '../lib/project-input.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { useCase } from '../use-case.ts'

const importFields = {
  ...projectFields,
  reference: imageRefSchema.optional(),
  message: z.string().max(65_536).default(''),
  changes: imageChangesSchema,
  platform: z.string().max(128).optional(),
}

/** Makes an image of one layer from the tar of a file system. */
export function importImage(source: ArchiveSource) {
  return useCase({
    verb: 'image.import',
    permission: 'image.change',
    effect: 'agent',
    input: z.strictObject(importFields),
    object: ({ reference }) => `image ${reference ?? 'without a name'}`,
    prepare: (scope, { projectId }) => measureDisk(scope.backend, projectId),
    async admit(tx, { operationId, user }, { projectId }, diskBytes): Promise<{ maxBytes: number } | undefined> {
      const admission = await lockForAdmission(tx, projectId)
      admit(admission, { images: 1 }, diskBytes)
      await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'image', keys: [operationId] })
      return roomFor(admission.limits, diskBytes)
    },
    async run({ backend: { agent }, commit, user }, asked, limits): Promise<OutputOf<'image.import'>> {
      const { channel, result } = agent.duplex('image.import', { ...asked, limits }, { ...source, bulk: true })
      // The agent's verdict comes first: it may refuse before everything is sent.
      send(channel, source.archive).catch(() => undefined)
      const made = await result
      await commit((tx) => presentHoldings(tx, { projectId: asked.projectId, kind: 'image', keys: [made.id], createdById: user.id }))
      return made
    },
  })
}
