/** Results kept for callers that repeat themselves. */
const keptResults = 4096

/** Calls with an operation id: repeating one gives the first one's result, also while it is still under way. A failed one may be repeated. */
export class Operations<T> {
  readonly #results = new Map<string, Promise<T>>()

  /** `key` must hold everything that makes two calls the same: method, project and operation id. */
  run(key: string | undefined, work: () => Promise<T>): Promise<T> {
    if (key === undefined) return work()
    const known = this.#results.get(key)
    if (known) return known
    const result = work()
    this.remember(key, result)
    result.catch(() => this.#results.delete(key))
    return result
  }

  remember(key: string, result: Promise<T>): void {
    this.#results.set(key, result)
    const [oldest] = this.#results.keys()
    if (this.#results.size > keptResults && oldest !== undefined) this.#results.delete(oldest)
  }
}
