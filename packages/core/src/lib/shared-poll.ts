/** Asks for something once per interval for all who watch it, and not at all while nobody does. */
export class SharedPolls {
  readonly #polls = new Map<string, Poll<unknown>>()

  /**
   * Yields what `load` returns every `intervalMs`, the newest value first if there is one, until `signal` aborts. A failing
   * `load` fails everybody's iteration. `key` must name all that `load` depends on.
   */
  async *watch<T>(key: string, intervalMs: number, load: () => Promise<T>, signal: AbortSignal): AsyncGenerator<T> {
    const poll = (this.#polls.get(key) as Poll<T> | undefined) ?? new Poll<T>(intervalMs, load)
    this.#polls.set(key, poll)
    poll.join()
    try {
      let seen = 0
      while (!signal.aborted) {
        const next = await poll.after(seen, signal)
        if (!next) return
        seen = next.turn
        yield next.value
      }
    } finally {
      if (poll.leave() && this.#polls.get(key) === poll) this.#polls.delete(key)
    }
  }
}

class Poll<T> {
  readonly #intervalMs: number
  readonly #load: () => Promise<T>
  #watchers = 0
  #turn = 0
  #value: T | undefined
  #failure: { error: unknown } | undefined
  #timer: NodeJS.Timeout | undefined
  #waiting: (() => void)[] = []
  #loading = false

  constructor(intervalMs: number, load: () => Promise<T>) {
    this.#intervalMs = intervalMs
    this.#load = load
  }

  join(): void {
    this.#watchers += 1
    if (this.#watchers === 1) void this.#tick()
  }

  /** True when the last watcher left. */
  leave(): boolean {
    this.#watchers -= 1
    if (this.#watchers > 0) return false
    clearTimeout(this.#timer)
    return true
  }

  /** The newest value once there is one later than `turn`; undefined when `signal` aborts first. */
  async after(turn: number, signal: AbortSignal): Promise<{ turn: number; value: T } | undefined> {
    while (this.#turn <= turn && !this.#failure && !signal.aborted) await this.#change(signal)
    if (signal.aborted) return undefined
    if (this.#failure) throw this.#failure.error
    return { turn: this.#turn, value: this.#value as T }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.push(done)
    })
  }

  async #tick(): Promise<void> {
    if (this.#loading) return
    this.#loading = true
    try {
      this.#value = await this.#load()
      this.#turn += 1
      this.#failure = undefined
    } catch (error) {
      this.#failure = { error }
    }
    this.#loading = false
    for (const wake of this.#waiting.splice(0)) wake()
    if (this.#watchers > 0) this.#timer = setTimeout(() => void this.#tick(), this.#intervalMs)
  }
}
