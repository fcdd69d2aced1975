import { type OutputOf, signalSchema } from '@gantry/contracts'
import { z } from 'zod'
import { containerFields } from '../lib/project-input.ts'
import { type UseCase, useCase } from '../use-case.ts'

const grace = { timeoutSeconds: z.number().int().min(-1).max(86_400).optional(), signal: signalSchema.optional() }
const object = ({ container }: { container: string }) => `container ${container}`

/** Returns the time of every step. */
export const startContainer = useCase({
  verb: 'container.start',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject(containerFields),
  object,
  run: ({ backend, operationId }, input): Promise<OutputOf<'container.start'>> =>
    backend.agent.call('container.start', { ...input, operationId }),
})

export const stopContainer = useCase({
  verb: 'container.stop',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, ...grace }),
  object,
  run: async ({ backend }, input) => done(input, await backend.agent.call('container.stop', input)),
})

export const killContainer = useCase({
  verb: 'container.kill',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, signal: signalSchema.default('SIGKILL') }),
  object,
  run: async ({ backend }, input) => done(input, await backend.agent.call('container.kill', input)),
})

export const restartContainer = useCase({
  verb: 'container.restart',
  permission: 'container.change',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, ...grace }),
  object,
  run: async ({ backend }, input) => done(input, await backend.agent.call('container.restart', input)),
})

export const pauseContainer = plain('pause')
export const unpauseContainer = plain('unpause')

function plain(verb: 'pause' | 'unpause'): UseCase<z.ZodObject<typeof containerFields, z.core.$strict>, { container: string }> {
  return useCase({
    verb: `container.${verb}`,
    permission: 'container.change',
    effect: 'agent',
    input: z.strictObject(containerFields),
    object,
    run: async ({ backend }, input) => done(input, await backend.agent.call(`container.${verb}`, input)),
  })
}

function done({ container }: { container: string }, _answer: unknown): { container: string } {
  return { container }
}
