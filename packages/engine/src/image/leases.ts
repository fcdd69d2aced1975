/** What requests under way have brought or are about to use, so that nothing sweeps it from under them. */
export class Leases {
  readonly #held = new Map<string, number>()

  /** Holds digests and chain ids until `release`. */
  take(): { add(...ids: string[]): void; release(): void } {
    const mine: string[] = []
    return {
      add: (...ids) => {
        for (const id of ids) {
          this.#held.set(id, (this.#held.get(id) ?? 0) + 1)
          mine.push(id)
        }
      },
      release: () => {
        for (const id of mine.splice(0)) {
          const left = (this.#held.get(id) ?? 1) - 1
          if (left > 0) this.#held.set(id, left)
          else this.#held.delete(id)
        }
      },
    }
  }

  has(id: string): boolean {
    return this.#held.has(id)
  }
}
