import { setTimeout as delay } from 'node:timers/promises'
import { GantryError } from '@gantry/contracts'

const attempts = 5
const firstPauseMs = 200

/**
 * Repeats `work` while it fails for reasons that pass (network, overload), with growing pauses. An attempt that made progress (as
 * `progress()` tells, by a number that grows) gives all attempts back, so that a large download over a bad line ends.
 */
export async function withRetry<T>(work: () => Promise<T>, options: { signal: AbortSignal; progress?: () => number }): Promise<T> {
  let left = attempts
  for (;;) {
    const before = options.progress?.() ?? 0
    try {
      return await work()
    } catch (error) {
      if (!passes(error) || options.signal.aborted) throw error
      if ((options.progress?.() ?? 0) > before) left = attempts
      if (--left <= 0) throw error
      const pause = firstPauseMs * 2 ** (attempts - left - 1)
      await delay(pause / 2 + (Math.random() * pause) / 2, undefined, { signal: options.signal }).catch(() => undefined)
    }
  }
}

function passes(error: unknown): boolean {
  return error instanceof GantryError && ['unavailable', 'timeout', 'rate_limited'].includes(error.code)
}
