import { type ImageInspect, type ImageSummary, type OutputOf, SYSTEM_PROJECT, agentMethods, imageRefSchema } from '@gantry/contracts'
import { deleteHoldings, knownKeys, presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import { projectFields, someProjectFields } from '../lib/project-input.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { useCase } from '../use-case.ts'

const imageFields = { ...projectFields, image: imageRefSchema }

/** Images of one project, or of all that the caller can see; the built-in ones are among them. */
export const listImages = useCase({
  verb: 'image.list',
  permission: 'image.view',
  effect: 'read',
  acrossProjects: true,
  input: agentMethods['image.list'].input.extend(someProjectFields),
  async run({ backend, user }, input): Promise<ImageSummary[]> {
    const { projectId } = input
    const images = await backend.agent.call('image.list', input)
    const visible = projectId === undefined ? (await visibleProjects(backend, user)).map(({ project }) => project.id) : [projectId]
    const shown = new Set([...visible, SYSTEM_PROJECT])
    return images.filter((image) => shown.has(image.projectId))
  },
})

export const inspectImage = useCase({
  verb: 'image.inspect',
  permission: 'image.view',
  effect: 'read',
  input: z.strictObject(imageFields),
  run: ({ backend }, input): Promise<ImageInspect> => backend.agent.call('image.inspect', input),
})

/** Tagging a built-in image makes the project hold it too, so room is reserved for it. */
export const tagImage = useCase({
  verb: 'image.tag',
  permission: 'image.change',
  effect: 'agent',
  input: z.strictObject({ ...imageFields, reference: imageRefSchema }),
  object: ({ image, reference }) => `image ${image} as ${reference}`,
  async prepare({ backend }, { projectId, image }): Promise<{ id: string; diskBytes: number | undefined }> {
    const { id } = await backend.agent.call('image.inspect', { projectId, image })
    return { id, diskBytes: await measureDisk(backend, projectId) }
  },
  async admit(tx, { operationId, user }, { projectId }, { id, diskBytes }): Promise<string> {
    const admission = await lockForAdmission(tx, projectId)
    if ((await knownKeys(tx, projectId, 'image', [id])).size > 0) return id
    admit(admission, { images: 1 }, diskBytes)
    await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'image', keys: [operationId] })
    return id
  },
  async run({ backend, commit, user }, input, id): Promise<{ reference: string }> {
    const { projectId, reference } = input
    await backend.agent.call('image.tag', input)
    await commit((tx) => presentHoldings(tx, { projectId, kind: 'image', keys: [id], createdById: user.id }))
    return { reference }
  },
})

export const removeImage = useCase({
  verb: 'image.remove',
  permission: 'image.change',
  effect: 'agent',
  input: z.strictObject({ ...imageFields, force: z.boolean().default(false) }),
  object: ({ image }) => `image ${image}`,
  async run({ backend, commit }, input): Promise<OutputOf<'image.remove'>> {
    const removed = await backend.agent.call('image.remove', input)
    await commit((tx) => deleteHoldings(tx, input.projectId, 'image', removed.deleted))
    return removed
  },
})

/** Removes images that no container uses: those without a tag, or with `all` every one. */
export const pruneImages = useCase({
  verb: 'image.prune',
  permission: 'image.change',
  effect: 'agent',
  input: agentMethods['image.prune'].input.extend(projectFields),
  object: ({ projectId }) => `unused images of project ${projectId}`,
  async run({ backend, commit }, input): Promise<OutputOf<'image.prune'>> {
    const pruned = await backend.agent.call('image.prune', input)
    await commit((tx) => deleteHoldings(tx, input.projectId, 'image', pruned.deleted))
    return pruned
  },
})
