import { GantryError } from '@gantry/contracts'
import { aborted } from './deadline.ts'

interface Job<T, P> {
  readonly result: Promise<T>
  readonly abort: AbortController
  readonly listeners: Set<(progress: P) => void>
  waiters: number
}

/** Work that several callers want at once and that is done once: the first starts it, the last to leave cancels it. */
export class SharedWork<T, P> {
  readonly #jobs = new Map<string, Job<T, P>>()

  /** Joins the work under `key`, or starts it. Rejects when `signal` aborts; the others go on waiting. */
  async run(
    key: string,
    start: (signal: AbortSignal, onProgress: (progress: P) => void) => Promise<T>,
    options: { signal?: AbortSignal | undefined; onProgress?: ((progress: P) => void) | undefined },
  ): Promise<T> {
    if (options.signal?.aborted) throw cancelled(options.signal)
    const job = this.#jobs.get(key) ?? this.#begin(key, start)
    job.waiters++
    if (options.onProgress) job.listeners.add(options.onProgress)
    try {
      if (!options.signal) return await job.result
      return await Promise.race([
        job.result,
        aborted(options.signal).catch(() => {
          throw cancelled(options.signal)
        }),
      ])
    } finally {
      job.waiters--
      if (options.onProgress) job.listeners.delete(options.onProgress)
      if (job.waiters === 0) job.abort.abort()
    }
  }

  #begin(key: string, start: (signal: AbortSignal, onProgress: (progress: P) => void) => Promise<T>): Job<T, P> {
    const abort = new AbortController()
    const listeners = new Set<(progress: P) => void>()
    const result = start(abort.signal, (progress) => {
      for (const listener of listeners) listener(progress)
    }).finally(() => {
      if (this.#jobs.get(key) === job) this.#jobs.delete(key)
    })
    // Everybody may have left before it fails.
    result.catch(() => undefined)
    const job: Job<T, P> = { result, abort, listeners, waiters: 0 }
    // A cancelled job must not be joined by somebody who comes late.
    abort.signal.addEventListener('abort', () => this.#jobs.get(key) === job && this.#jobs.delete(key), { once: true })
    this.#jobs.set(key, job)
    return job
  }
}

const cancelled = (signal: AbortSignal | undefined) =>
  new GantryError('cancelled', 'the request was cancelled', {}, { cause: signal?.reason })
