import {
  type OutputOf,
  type Resources,
  type ResourcesUpdate,
  containerNameSchema,
  containerUpdateSchema,
  resourcesSchema,
} from '@gantry/contracts'
import { deleteHolding, deleteHoldings, deleteTerminalsOfContainer } from '@gantry/db'
import { z } from 'zod'
import { containerFields, projectFields } from '../lib/project-input.ts'
import { goneVolumes } from '../volume/gone-volumes.ts'
import { useCase } from '../use-case.ts'
import { checkAgainstProject } from './create-container.ts'

const object = ({ container }: { container: string }) => `container ${container}`

export const renameContainer = useCase({
  verb: 'container.rename',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, name: containerNameSchema }),
  object,
  async run({ backend }, input): Promise<{ container: string; name: string }> {
    await backend.agent.call('container.rename', input)
    return { container: input.container, name: input.name }
  },
})

/** Changes limits and restart policy of a container, running or not. */
export const updateContainer = useCase({
  verb: 'container.update',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, update: containerUpdateSchema }),
  object,
  async run({ backend }, input): Promise<OutputOf<'container.update'>> {
    // What is removed is bounded by the project's own group all the same.
    await checkAgainstProject({ backend }, input.projectId, givenLimits(input.update.resources))
    return backend.agent.call('container.update', input)
  },
})

function givenLimits(update: ResourcesUpdate): Resources {
  return resourcesSchema.parse(Object.fromEntries(Object.entries(update).filter(([, value]) => value !== null)))
}

export const removeContainer = useCase({
  verb: 'container.remove',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, force: z.boolean().default(false), volumes: z.boolean().default(false) }),
  object,
  async run(scope, input): Promise<{ container: string }> {
    const { backend, commit } = scope
    const { projectId, container } = input
    const { id, name, resolvedMounts } = await backend.agent.call('container.inspect', { projectId, container })
    scope.object = `container ${name} (${id.slice(0, 12)})`
    await backend.agent.call('container.remove', { ...input, container: id })
    const hadVolumes = resolvedMounts.some(({ type }) => type === 'volume')
    const gone = input.volumes && hadVolumes ? await goneVolumes(backend, projectId) : []
    await commit(async (tx) => {
      await deleteHolding(tx, projectId, 'container', id)
      await deleteHoldings(tx, projectId, 'volume', gone)
      await deleteTerminalsOfContainer(tx, id)
    })
    return { container: id }
  },
})

/** Removes all containers of the project that do not run, or those of them that the filters mean. */
export const pruneContainers = useCase({
  verb: 'container.prune',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject({
    ...projectFields,
    labels: z.array(z.string()).optional(),
    notLabels: z.array(z.string()).optional(),
    createdBefore: z.string().optional(),
  }),
  object: ({ projectId }) => `stopped containers of project ${projectId}`,
  async run({ backend, commit }, input): Promise<OutputOf<'container.prune'>> {
    const pruned = await backend.agent.call('container.prune', input)
    await commit((tx) => deleteHoldings(tx, input.projectId, 'container', pruned.removed))
    return pruned
  },
})
