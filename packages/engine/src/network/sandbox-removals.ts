import { giveBack } from './endpoints.ts'
import type { EndpointRecord } from './sandbox-record.ts'
import type { NetworkState } from './state.ts'
import { dropSandboxOps } from './warm-pool.ts'

/**
 * Long enough for the kernel to remove the links of an ended container by itself, with its namespace: finding a link gone costs
 * microseconds, removing it some milliseconds of waiting for other processors.
 */
const restMs = 50

interface Removal {
  readonly key: string
  readonly endpoints: readonly EndpointRecord[]
}

/** What ended containers leave on the host: firewall elements, perhaps links, addresses. Removed together, off the way of starts. */
export class SandboxRemovals {
  readonly #state: NetworkState
  #waiting: Removal[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(state: NetworkState) {
    this.#state = state
  }

  add(removal: Removal): void {
    this.#waiting.push(removal)
    this.#timer ??= setTimeout(() => void this.flush(), restMs)
  }

  /** Begins with what waits now, and resolves when that is done. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const removals = this.#waiting
    if (removals.length === 0) return
    this.#waiting = []
    await this.#state.later('removing the links of ended containers', async () => {
      await this.#state.ops(dropSandboxOps(this.#state, removals))
      for (const { endpoints } of removals) for (const endpoint of endpoints) giveBack(this.#state, endpoint)
    })
  }
}
