import { GantryError } from '@gantry/contracts'

/** Timers of Node end early beyond this. */
const maxTimerMs = 2 ** 31 - 1

/**
 * Waits for `work` at most `ms`; then rejects with `timeout` naming `what`, and aborts the signal that `work` was given.
 * Rejects at once when `signal` aborts.
 */
export async function withDeadline<T>(
  what: string,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const own = new AbortController()
  const timer = setTimeout(() => own.abort(new GantryError('timeout', `${what} took longer than ${ms} ms`)), Math.min(ms, maxTimerMs))
  const onAbort = () => own.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work(own.signal), aborted(own.signal)])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Rejects with the signal's reason when it aborts; otherwise never settles. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
