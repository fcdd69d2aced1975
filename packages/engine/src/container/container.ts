import { type ContainerState, type ContainerStatus, type ContainerVerb, GantryError, type StartStep, can } from '@gantry/contracts'
import type { HealthProber } from '../health/health-prober.ts'
import type { AttachChannel, ProcessExit, Started } from '../kernel/kernel.ts'
import type { CgroupRef, RootfsSource } from '../ports.ts'
import type { ContainerRecord, SavedState } from './record.ts'

export interface ExitStatus {
  readonly exitCode: number
  readonly oomKilled: boolean
  readonly error: string
}
export type WaitCondition = 'not-running' | 'next-exit' | 'removed'

/** One container in the agent's memory: its record, how it is, and who waits for it. Only verbs and the exit handler change it. */
export class Container {
  record: ContainerRecord
  state: ContainerState = {
    status: 'created',
    pid: 0,
    exitCode: 0,
    error: '',
    oomKilled: false,
    startedAt: '',
    finishedAt: '',
    restartCount: 0,
  }
  stoppedByUser = false
  /** AppArmor profile of the last run; '' is none. Its execs get the same. */
  apparmorProfile = ''
  lastStart: { totalUs: number; steps: StartStep[] } | undefined
  /** The process, while there is one. */
  started: Started | undefined
  /** A start is under way: an exit that arrives now is kept for its end. */
  starting = false
  /** It has counted its viewers already: who comes now finds the monitor by itself. */
  viewersCounted = false
  earlyExit: ProcessExit | undefined
  /** Set when a remove has gone past the point of no return. */
  removed = false
  /** Journal entry of a remove that was begun. */
  removeEntry: number | undefined
  rootfs: RootfsSource | undefined
  prober: HealthProber | undefined
  /** Restart policy: delay before the current run, and the timer of the next one. */
  restartDelayMs = 0
  restartTimer: NodeJS.Timeout | undefined
  /** Releasing what the last run held; resolves when its address, ports and cgroup are free. */
  cleanup: Promise<void> | undefined
  /** Writing `state.json` is under way. */
  saving: Promise<void> | undefined
  /** Clients that wait for the start, and for its first byte; `announced`: the start has counted them. */
  readonly waitingViewers = new Set<{ announced: boolean }>()
  /** Clients that are about to connect to the monitor: its folder is not removed under them. */
  openingViewers = 0
  /** Open viewers, by which the terminal is resized. */
  readonly viewers = new Set<AttachChannel>()
  readonly #waiters = new Set<{ condition: WaitCondition; resolve: (status: ExitStatus) => void }>()
  readonly #startWaiters = new Set<(error?: GantryError) => void>()

  constructor(record: ContainerRecord) {
    this.record = record
  }

  get id(): string {
    return this.record.id
  }
  get name(): string {
    return this.record.name
  }
  get projectId(): string {
    return this.record.projectId
  }
  get group(): CgroupRef {
    const { projectId, id, spec } = this.record
    return { projectId, containerId: id, parent: spec.cgroupParent, delegated: spec.writableCgroups }
  }
  get running(): boolean {
    return this.state.status === 'running' || this.state.status === 'paused'
  }
  get exitStatus(): ExitStatus {
    return { exitCode: this.state.exitCode, oomKilled: this.state.oomKilled, error: this.state.error }
  }

  /** Throws `wrong_state` naming the container, its status and what would help. */
  require(verb: ContainerVerb): void {
    if (this.removed) throw noSuchContainer(this.name)
    if (can(verb, this.state.status)) return
    throw new GantryError('wrong_state', `cannot ${verb} container ${this.name}: it is ${this.state.status}`, {
      value: this.state.status,
      remedy: remedies[this.state.status],
    })
  }

  /** Resolves when the condition holds; `removed` also delivers the last exit code. */
  wait(condition: WaitCondition, signal: AbortSignal): Promise<ExitStatus> {
    if (condition === 'not-running' && !this.running && this.state.status !== 'restarting') return Promise.resolve(this.exitStatus)
    return new Promise((resolve, reject) => {
      const waiter = { condition, resolve }
      this.#waiters.add(waiter)
      const onAbort = () => {
        this.#waiters.delete(waiter)
        reject(signal.reason)
      }
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Tells those who wait for one of these conditions. */
  notify(...conditions: WaitCondition[]): void {
    for (const waiter of this.#waiters) {
      if (!conditions.includes(waiter.condition)) continue
      this.#waiters.delete(waiter)
      waiter.resolve(this.exitStatus)
    }
  }

  /** Calls `listener` once, after the next start succeeded or failed. Returns how to take it back. */
  onNextStart(listener: (error?: GantryError) => void): () => void {
    this.#startWaiters.add(listener)
    return () => this.#startWaiters.delete(listener)
  }

  /** How many viewers the start under way is to hold the first output for. */
  announceViewers(): number {
    this.viewersCounted = true
    for (const waiting of this.waitingViewers) waiting.announced = true
    return this.waitingViewers.size
  }

  notifyStart(error?: GantryError): void {
    for (const listener of [...this.#startWaiters]) {
      this.#startWaiters.delete(listener)
      listener(error)
    }
  }

  /** What `state.json` holds. */
  saved(boot: string): SavedState {
    const { state, stoppedByUser, lastStart, apparmorProfile } = this
    return { version: 1, state, stoppedByUser, boot, lastStart, apparmorProfile }
  }
}

const remedies: Record<ContainerStatus, string> = {
  created: 'start it first',
  running: 'stop it first',
  paused: 'unpause it first',
  restarting: 'wait for it, or stop it first',
  removing: 'it will be gone in a moment',
  exited: 'start it first',
  dead: 'remove it',
}

/** The same words for a container that does not exist and for one of another project. */
export function noSuchContainer(reference: string): GantryError {
  return new GantryError('not_found', `no such container: ${reference}`, { value: reference })
}
