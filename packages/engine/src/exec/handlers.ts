import type { AgentHandlers } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'
import type { Parts } from '../container/parts.ts'
import { signalNumber } from '../lib/signals.ts'
import { attachSession, resizeExec, runAttached } from './attach-exec.ts'
import { deadlineSignal, runExec } from './run-exec.ts'
import { createExec } from './start-exec.ts'

export type ExecHandlers = Pick<AgentHandlers, Extract<keyof AgentHandlers, `exec.${string}`>>

/** The agent's `exec.*` methods: find the exec through its container's project, call the verb. */
export function execHandlers(parts: Parts): ExecHandlers {
  const container = (input: { projectId: string; container: string }) => parts.store.find(input.projectId, input.container)
  const find = (input: { projectId: string; id: string }) => parts.execs.find(input.projectId, input.id)
  return {
    'exec.create': async (input) => ({ id: createExec(parts, container(input), input.spec, input.policy).id }),
    'exec.start': async (input, channel, signal) => runAttached(parts, find(input), input, channel, signal),
    'exec.run': async (input, signal) => {
      const deadline = deadlineSignal(`exec ${input.spec.command[0]}`, input.timeoutMs, signal)
      try {
        return await runExec(parts, container(input), input, deadline.signal)
      } finally {
        deadline.clear()
      }
    },
    'exec.resize': async (input) => {
      await resizeExec(parts, find(input), input.columns, input.rows)
      return {}
    },
    'exec.inspect': async (input) => find(input).inspect(),
    'exec.list': async (input) => parts.execs.list(container(input)).map((exec) => exec.inspect()),
    'exec.kill': async (input) => {
      const exec = find(input)
      const number = signalNumber(input.signal)
      if (!exec.running || !exec.started) throw new GantryError('wrong_state', `exec ${input.id.slice(0, 12)} is not running`)
      parts.signal(exec.started, number)
      return {}
    },
    'exec.attach': async (input, channel, signal) => attachSession(parts, find(input), input, channel, signal),
  }
}
