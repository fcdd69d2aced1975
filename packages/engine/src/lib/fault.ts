import { GantryError } from '@gantry/contracts'

/**
 * Crash tests: `GANTRY_FAULT=<point>:kill|error` together with `GANTRY_TEST=1` makes the agent die (as by `kill -9`) or fail when
 * it reaches the named point. `<point>` may end in `*`. Without `GANTRY_TEST=1` it does nothing.
 */
const armed = parse(process.env)

function parse(env: NodeJS.ProcessEnv): { point: string; action: 'kill' | 'error' } | undefined {
  if (env.GANTRY_TEST !== '1' || !env.GANTRY_FAULT) return undefined
  const at = env.GANTRY_FAULT.lastIndexOf(':')
  const action = env.GANTRY_FAULT.slice(at + 1)
  if (at < 1 || (action !== 'kill' && action !== 'error')) {
    throw new GantryError('invalid_input', `GANTRY_FAULT ${env.GANTRY_FAULT} must look like <point>:kill or <point>:error`)
  }
  return { point: env.GANTRY_FAULT.slice(0, at), action }
}

/** A place where a crash test may strike. Names are `<verb>.<what has just been done>`. */
export function faultPoint(name: string): void {
  if (!armed) return
  const { point, action } = armed
  if (point.endsWith('*') ? !name.startsWith(point.slice(0, -1)) : name !== point) return
  if (action === 'kill') process.kill(process.pid, 'SIGKILL')
  throw new GantryError('internal', `fault injected at ${name}`)
}
