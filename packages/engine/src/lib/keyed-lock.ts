/** Mutual exclusion per key, first come first served. Keys that nobody holds cost nothing. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `work` when nobody else holds `key`. Not re-entrant. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    let release: () => void = () => {}
    const mine = new Promise<void>((resolve) => {
      release = resolve
    })
    const tail = before ? before.then(() => mine) : mine
    this.#tails.set(key, tail)
    if (before) await before
    try {
      return await work()
    } finally {
      release()
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }

  /** True when somebody holds or waits for `key`. */
  busy(key: string): boolean {
    return this.#tails.has(key)
  }
}
