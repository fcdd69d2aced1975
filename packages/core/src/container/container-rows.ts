import type { OutputOf, Stats } from '@gantry/contracts'
import { z } from 'zod'
import { containerFields, projectFields } from '../lib/project-input.ts'
import { streamCase } from '../stream-case.ts'
import { useCase } from '../use-case.ts'

/** Containers of one project with endpoints, mounts and, when asked, sizes. */
export const listContainerRows = useCase({
  verb: 'container.rows',
  permission: 'container.view',
  effect: 'read',
  input: z.strictObject({ ...projectFields, all: z.boolean().default(true), size: z.boolean().default(false) }),
  run: ({ backend }, input): Promise<OutputOf<'container.list'>> => backend.agent.call('container.list', { ...input, details: true }),
})

/** Counters now; nothing of a container that does not run. */
export const readStats = useCase({
  verb: 'container.readStats',
  permission: 'container.view',
  effect: 'read',
  input: z.strictObject(containerFields),
  async run({ backend }, { projectId, container }): Promise<Stats | undefined> {
    const [stats] = await backend.agent.call('container.stats', { projectId, containers: [container] })
    return stats
  },
})

/** Yields null when the agent has been asked, from when on no exit is missed, and then the exit when the condition holds. */
export const awaitExit = streamCase({
  verb: 'container.wait',
  permission: 'container.view',
  input: z.strictObject({ ...containerFields, condition: z.enum(['not-running', 'next-exit', 'removed']).default('not-running') }),
  async *run({ backend, signal }, input): AsyncGenerator<OutputOf<'container.wait'> | null> {
    const exit = backend.agent.call('container.wait', input, { signal })
    // A reader that leaves after the first does not look at it.
    exit.catch(() => undefined)
    yield null
    yield await exit
  },
})

export const resizeContainer = useCase({
  verb: 'container.resize',
  permission: 'container.exec',
  effect: 'read',
  input: z.strictObject({ ...containerFields, columns: z.number().int(), rows: z.number().int() }),
  run: ({ backend }, input): Promise<OutputOf<'container.resize'>> => backend.agent.call('container.resize', input),
})
