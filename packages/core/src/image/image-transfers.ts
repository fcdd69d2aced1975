import { EventEmitter, once } from 'node:events'
import { GantryError, type ImageTransfer, type Progress } from '@gantry/contracts'

/** A transfer that ended is remembered so long, for browsers that come back. */
const keepMs = 10 * 60_000

/** Pulls and pushes under way. They belong to nobody's connection: a browser that reloads finds them again. */
export class ImageTransfers {
  readonly #transfers = new Map<string, Transfer>()

  start(about: Pick<ImageTransfer, 'operationId' | 'projectId' | 'kind' | 'reference' | 'startedAt'>): Transfer {
    const transfer = new Transfer(about)
    this.#transfers.set(about.operationId, transfer)
    void transfer.ended.then(() => setTimeout(() => this.#transfers.delete(about.operationId), keepMs).unref())
    return transfer
  }

  /** Newest last. */
  list(projectId: string): ImageTransfer[] {
    return [...this.#transfers.values()].map(({ state }) => state).filter((state) => state.projectId === projectId)
  }

  find(projectId: string, operationId: string): Transfer {
    const transfer = this.#transfers.get(operationId)
    if (transfer?.state.projectId !== projectId)
      throw new GantryError('not_found', `operation ${operationId} not found`, { value: operationId })
    return transfer
  }
}

export class Transfer {
  readonly ended: Promise<void>
  readonly #events = new EventEmitter().setMaxListeners(0)
  readonly #lines = new Map<string, Progress>()
  readonly #about: Omit<ImageTransfer, 'state' | 'progress' | 'error'>
  #outcome: Pick<ImageTransfer, 'state' | 'error'> = { state: 'running', error: null }
  #turn = 0
  #end: () => void = () => undefined

  constructor(about: Omit<ImageTransfer, 'state' | 'progress' | 'error'>) {
    this.#about = about
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get state(): ImageTransfer {
    return { ...this.#about, ...this.#outcome, progress: [...this.#lines.values()] }
  }

  /** Only the last line of each layer counts. */
  progress(line: Progress): void {
    this.#lines.set(line.id ?? '', line)
    this.#changed()
  }

  finish(error: GantryError | null): void {
    this.#outcome = { state: error ? 'failed' : 'done', error: error?.toWire() ?? null }
    this.#changed()
    this.#end()
  }

  /** The state now, then whenever it changed; what changes faster than it is read is left out. Ends with the transfer. */
  async *watch(signal: AbortSignal): AsyncGenerator<ImageTransfer> {
    let seen = -1
    while (!signal.aborted) {
      if (seen === this.#turn) await once(this.#events, 'change', { signal })
      seen = this.#turn
      const { state } = this
      yield state
      if (state.state !== 'running') return
    }
  }

  #changed(): void {
    this.#turn += 1
    this.#events.emit('change')
  }
}
