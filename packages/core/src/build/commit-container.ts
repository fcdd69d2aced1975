import { type OutputOf, containerRefSchema, imageChangesSchema, imageRefSchema } from '@gantry/contracts'
import { presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import { roomFor } from '../image/room.ts'
import { projectFields } from '../lib/project-input.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { useCase } from '../use-case.ts'

/** Makes an image of a container. Room for one image is reserved first, as for a pull. */
export const commitContainer = useCase({
  verb: 'container.commit',
  permission: 'image.change',
  effect: 'agent',
  input: z.strictObject({
    ...projectFields,
    container: containerRefSchema,
    reference: imageRefSchema.optional(),
    author: z.string().max(1024).optional(),
    comment: z.string().max(65_536).optional(),
    pause: z.boolean().default(true),
    changes: imageChangesSchema,
  }),
  object: ({ container, reference }) => `container ${container} as image ${reference ?? 'without a name'}`,
  prepare: ({ backend }, { projectId }) => measureDisk(backend, projectId),
  async admit(tx, { operationId, user }, { projectId }, diskBytes): Promise<{ maxBytes: number } | undefined> {
    const admission = await lockForAdmission(tx, projectId)
    admit(admission, { images: 1 }, diskBytes)
    await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'image', keys: [operationId] })
    return roomFor(admission.limits, diskBytes)
  },
  async run({ backend, commit, user }, input, limits): Promise<OutputOf<'container.commit'>> {
    const made = await backend.agent.call('container.commit', { ...input, limits })
    const { projectId } = input
    await commit((tx) => presentHoldings(tx, { projectId, kind: 'image', keys: [made.id], createdById: user.id }))
    return made
  },
})
