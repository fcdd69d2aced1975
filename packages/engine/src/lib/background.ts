/** Work that nobody waits for, so that an orderly end of the agent can. */
export class Background {
  readonly #work = new Set<Promise<void>>()
  readonly #onFailure: (what: string, error: unknown) => void

  constructor(onFailure: (what: string, error: unknown) => void) {
    this.#onFailure = onFailure
  }

  run(what: string, work: () => Promise<unknown>): void {
    const done: Promise<void> = work().then(
      () => {},
      (error) => this.#onFailure(what, error),
    )
    this.#work.add(done)
    void done.then(() => this.#work.delete(done))
  }

  /** Resolves when nothing is left. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work)
  }
}
