import { type ContainerInspect, type ExecInspect, type OutputOf, containerSpecSchema } from '@gantry/contracts'
import { z } from 'zod'
import { containerFields, projectFields } from '../lib/project-input.ts'
import { roleAllows } from '../policy/permissions.ts'
import { useCase } from '../use-case.ts'

/** Viewers see which variables are set, not to what. */
export const getContainer = useCase({
  verb: 'container.get',
  permission: 'container.view',
  effect: 'read',
  input: z.strictObject({ ...containerFields, size: z.boolean().default(false) }),
  async run({ backend, role }, input): Promise<ContainerInspect> {
    const container = await backend.agent.call('container.inspect', input)
    if (roleAllows(role, 'container.change')) return container
    return { ...container, spec: { ...container.spec, env: container.spec.env.map(hideValue) } }
  },
})

export const topContainer = useCase({
  verb: 'container.top',
  permission: 'container.view',
  effect: 'read',
  input: z.strictObject({ ...containerFields, psArgs: z.array(z.string().min(1).max(1024)).min(1).max(64).optional() }),
  run: ({ backend }, input): Promise<OutputOf<'container.top'>> => backend.agent.call('container.top', input),
})

/** What somebody who looked did, told as an event: only the door knows of it. */
export const tellContainer = useCase({
  verb: 'container.tell',
  permission: 'container.view',
  effect: 'read',
  input: z.strictObject({ ...containerFields, action: z.enum(['top', 'detach', 'exec_detach']), execId: z.string().max(64).optional() }),
  run: ({ backend }, input): Promise<OutputOf<'container.tell'>> => backend.agent.call('container.tell', input),
})

/** What changed against the image. */
export const diffContainer = useCase({
  verb: 'container.diff',
  permission: 'container.view',
  effect: 'read',
  input: z.strictObject(containerFields),
  run: ({ backend }, input): Promise<OutputOf<'container.diff'>> => backend.agent.call('container.diff', input),
})

/** Commands that run or ran inside, newest first. */
export const listExecs = useCase({
  verb: 'container.execs',
  permission: 'container.view',
  effect: 'read',
  input: z.strictObject(containerFields),
  async run({ backend, role }, input): Promise<ExecInspect[]> {
    const execs = await backend.agent.call('exec.list', input)
    if (roleAllows(role, 'container.change')) return execs
    return execs.map((exec) => ({ ...exec, spec: { ...exec.spec, env: exec.spec.env.map(hideValue) } }))
  },
})

/** The operations that starting such a container would carry out. */
export const planContainer = useCase({
  verb: 'container.plan',
  permission: 'container.change',
  effect: 'read',
  input: z.strictObject({ ...projectFields, spec: containerSpecSchema }),
  run: ({ backend }, input): Promise<OutputOf<'container.plan'>> => backend.agent.call('container.plan', input),
})

function hideValue(variable: string): string {
  return variable.includes('=') ? `${variable.slice(0, variable.indexOf('='))}=(hidden)` : variable
}
