import { setTimeout as delay } from 'node:timers/promises'
import { type EngineEvent, GantryError, SYSTEM_PROJECT } from '@gantry/contracts'
import { deleteSessionsBefore, hasHolding, listProjects } from '@gantry/db'
import type { Backend } from '../backend.ts'
import { sessionIdleMs } from '../identity/session-life.ts'
import { reconcileHoldings } from './reconcile-holdings.ts'
import { reconcileProjects } from './reconcile-projects.ts'
import { settleOperations } from './settle-operations.ts'

const everyMs = 60_000
const agentRetryMs = 1_000
/** Events come in bursts; one look serves them all. */
const settleMs = 300

/** One look at everything. Fails with `unavailable` while agent or database do not answer. */
export async function reconcile(backend: Backend): Promise<void> {
  await settleOperations(backend)
  const now = backend.now()
  await backend.db.transaction((tx) => deleteSessionsBefore(tx, now, new Date(now.getTime() - sessionIdleMs)))
  await reconcileProjects(backend)
  for (const { id } of await listProjects(backend.db.read)) await reconcileHoldings(backend, id)
}

/** Keeps database and agent in agreement: at start, whenever the agent comes back, on its events, and every minute. */
export async function keepReconciled(backend: Backend, signal: AbortSignal): Promise<void> {
  const looks = new Looks(backend, signal)
  const timer = setInterval(() => looks.all(), everyMs)
  let told = false
  try {
    while (!signal.aborted) {
      try {
        looks.all()
        for await (const event of backend.agent.stream('system.events', {}, { signal })) {
          told = false
          if (changesHoldings(event)) looks.one(event)
        }
      } catch (error) {
        if (!signal.aborted && !told) backend.log.warn('the agent does not answer', { error })
        told = true
      }
      await delay(agentRetryMs, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    clearInterval(timer)
    await looks.idle()
  }
}

function changesHoldings({ type, action, projectId }: EngineEvent): boolean {
  if (projectId === SYSTEM_PROJECT) return false
  return type === 'volume' || type === 'image' || (type === 'container' && (action === 'create' || action === 'destroy'))
}

/** Looks one after the other, each as late as it may be and none twice. */
class Looks {
  readonly #backend: Backend
  readonly #signal: AbortSignal
  /** By project: containers, and whether they should be held; null where only a look can tell. */
  readonly #due = new Map<string, Map<string, boolean> | null>()
  #everything = false
  #running: Promise<void> | undefined

  constructor(backend: Backend, signal: AbortSignal) {
    this.#backend = backend
    this.#signal = signal
  }

  all(): void {
    this.#everything = true
    this.#start()
  }

  one({ type, action, id, projectId }: EngineEvent): void {
    const known = this.#due.get(projectId)
    if (type !== 'container' || known === null) this.#due.set(projectId, null)
    else this.#due.set(projectId, new Map(known).set(id, action === 'create'))
    this.#start()
  }

  async idle(): Promise<void> {
    await this.#running
  }

  #start(): void {
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined
      // Something may have come after the last look and before now.
      if ((this.#everything || this.#due.size > 0) && !this.#signal.aborted) this.#start()
    })
  }

  /** What came through us is written down already, and the lists of a project may be long. */
  async #look(projectId: string, containers: Map<string, boolean> | null): Promise<void> {
    if (containers && (await agrees(this.#backend, projectId, containers))) return
    await reconcileHoldings(this.#backend, projectId)
  }

  async #work(): Promise<void> {
    while ((this.#everything || this.#due.size > 0) && !this.#signal.aborted) {
      if (!this.#everything) await delay(settleMs, undefined, { signal: this.#signal }).catch(() => undefined)
      const projects = [...this.#due]
      const everything = this.#everything
      this.#due.clear()
      this.#everything = false
      try {
        if (everything) await reconcile(this.#backend)
        else for (const [projectId, containers] of projects) await this.#look(projectId, containers)
      } catch (error) {
        const expected = error instanceof GantryError && error.code === 'unavailable'
        if (!expected && !this.#signal.aborted) this.#backend.log.error('reconciliation failed', { error })
      }
    }
  }
}

async function agrees({ db }: Backend, projectId: string, containers: Map<string, boolean>): Promise<boolean> {
  for (const [id, there] of containers) if ((await hasHolding(db.read, projectId, 'container', id)) !== there) return false
  return true
}
