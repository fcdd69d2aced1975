import { spawnSync } from 'node:child_process'
import { GantryError } from '@gantry/contracts/gantry-error'
import type { Hook } from '../config/config.ts'

/** A hook of the host's, told the container's state. Those that run during `create` are run by gantry-runtime. */
export function runHook(hook: Hook, state: string): void {
  const [argv0 = hook.path, ...args] = hook.args ?? []
  const pairs = (hook.env ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)])
  const env = Object.fromEntries(pairs) as NodeJS.ProcessEnv
  const timeout = hook.timeout ? hook.timeout * 1000 : undefined
  const { error, status, signal, stderr } = spawnSync(hook.path, args, { argv0, env, input: state, timeout, killSignal: 'SIGKILL' })
  if (error && 'code' in error && error.code === 'ETIMEDOUT') {
    throw new GantryError('timeout', `hook ${hook.path} was killed after ${hook.timeout} s`)
  }
  // A hook that does not read its state is none the worse for it.
  if (error && !('code' in error && error.code === 'EPIPE')) throw new GantryError('invalid_input', `hook ${hook.path}: ${error.message}`)
  if (status !== 0) {
    const words = stderr.toString().split('\n', 1)[0] ?? ''
    throw new GantryError('invalid_input', `hook ${hook.path} failed with ${signal ?? `status ${status}`}${words ? `: ${words}` : ''}`)
  }
}
