import type { Progress } from '@gantry/contracts'

/**
 * Progress from parallel work to one reader. A line about bytes replaces an unread one of the same layer, so a slow reader sees fewer
 * lines and nothing piles up.
 */
export class ProgressQueue implements AsyncIterable<Progress> {
  #lines: Progress[] = []
  #ended: { readonly error?: unknown } | undefined
  #wake: (() => void) | undefined

  readonly push = (line: Progress): void => {
    const last = line.current === undefined ? -1 : this.#lines.findLastIndex((unread) => unread.id === line.id)
    if (last >= 0 && this.#lines[last]?.status === line.status) this.#lines[last] = line
    else this.#lines.push(line)
    this.#wake?.()
  }

  end(error?: { readonly error: unknown }): void {
    this.#ended = error ?? {}
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Progress> {
    for (;;) {
      const lines = this.#lines
      this.#lines = []
      yield* lines
      if (this.#lines.length > 0) continue
      if (this.#ended) {
        if ('error' in this.#ended) throw this.#ended.error
        return
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** Runs `work` and yields what it reports; leaving the loop aborts it, and waits until it has cleaned up. */
export async function* reporting(
  signal: AbortSignal,
  work: (signal: AbortSignal, report: (line: Progress) => void) => Promise<void>,
): AsyncGenerator<Progress> {
  const queue = new ProgressQueue()
  const left = new AbortController()
  const done = work(AbortSignal.any([signal, left.signal]), queue.push).then(
    () => queue.end(),
    (error: unknown) => queue.end({ error }),
  )
  try {
    yield* queue
  } finally {
    left.abort()
    await done
  }
}
