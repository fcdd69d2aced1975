import { type ExecInspect, type OutputOf, execSpecSchema } from '@gantry/contracts'
import { z } from 'zod'
import { type ByteStream, openByteStream } from '../container/byte-stream.ts'
import { hostPolicy } from '../host/host-policy.ts'
import { containerFields, projectFields } from '../lib/project-input.ts'
import { enginePolicy } from '../policy/engine-policy.ts'
import { type UseCase, useCase } from '../use-case.ts'

const execFields = { ...projectFields, id: z.string().min(1).max(64) }
const size = { columns: z.number().int().min(1).max(1000).optional(), rows: z.number().int().min(1).max(1000).optional() }

/** Notes a command that is to run in a container. */
export const createExec = useCase({
  verb: 'exec.create',
  permission: 'container.exec',
  effect: 'agent',
  input: z.strictObject({ ...containerFields, spec: execSpecSchema }),
  object: ({ container, spec }) => `${spec.command[0]} in container ${container}`,
  async run({ backend, user, role }, input): Promise<{ id: string }> {
    const policy = enginePolicy({ hostAdmin: user.hostAdmin, role }, await hostPolicy(backend.db.read))
    return backend.agent.call('exec.create', { ...input, policy })
  },
})

const startFields = { ...execFields, detach: z.boolean().default(false), ...size }
type Started = ByteStream<OutputOf<'exec.start'>>

/** Runs it and carries its bytes; written down before it runs. `allowed` is called before either, when nothing forbids it. */
export function startExec(signal: AbortSignal, allowed?: () => void): UseCase<z.ZodObject<typeof startFields, z.core.$strict>, Started> {
  return useCase({
    verb: 'exec.start',
    permission: 'container.exec',
    effect: 'database',
    input: z.strictObject(startFields),
    object: ({ id }) => `exec ${id.slice(0, 12)}`,
    async run(scope, input): Promise<Started> {
      allowed?.()
      await scope.commit(async () => undefined)
      return openByteStream(scope, { method: 'exec.start', input, permission: 'container.exec', signal })
    },
  })
}

export const getExec = useCase({
  verb: 'exec.get',
  permission: 'container.view',
  effect: 'read',
  input: z.strictObject(execFields),
  run: ({ backend }, input): Promise<ExecInspect> => backend.agent.call('exec.inspect', input),
})

export const resizeExec = useCase({
  verb: 'exec.resize',
  permission: 'container.exec',
  effect: 'read',
  input: z.strictObject({ ...execFields, columns: z.number().int(), rows: z.number().int() }),
  run: ({ backend }, input): Promise<OutputOf<'exec.resize'>> => backend.agent.call('exec.resize', input),
})
