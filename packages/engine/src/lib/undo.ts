/** One step's inverse. Must be safe to run when the step was only half done. */
type Inverse = () => unknown

/**
 * The inverses of the steps done so far. Push each right after its step; on failure `run` carries them out, last first; on success
 * `discard` forgets them.
 */
export class UndoStack {
  #inverses: { name: string; inverse: Inverse }[] = []

  push(name: string, inverse: Inverse): void {
    this.#inverses.push({ name, inverse })
  }

  discard(): void {
    this.#inverses = []
  }

  /** Runs every inverse, also after one of them failed; failures go to `onFailure`, because the first error is the one that matters. */
  async run(onFailure: (name: string, error: unknown) => void): Promise<void> {
    for (let step = this.#inverses.pop(); step; step = this.#inverses.pop()) {
      try {
        await step.inverse()
      } catch (error) {
        onFailure(step.name, error)
      }
    }
  }
}
