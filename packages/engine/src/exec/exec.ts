import { type ExecInspect, type ExecSpec, GantryError } from '@gantry/contracts'
import type { Container } from '../container/container.ts'
import type { ProcessExit, Started } from '../kernel/kernel.ts'

/** Somebody who looks at a terminal may set its size. */
export interface Viewer {
  resize(columns: number, rows: number): void
}

/** One process that was asked for inside a running container, from its creation until it is forgotten. */
export class Exec {
  readonly id: string
  readonly container: Container
  readonly spec: ExecSpec
  started: Started | undefined
  startedAt = ''
  exit: ProcessExit | undefined
  /** A start is under way or has happened: an exec starts once. */
  claimed = false
  /** The caller that started it is about to attach: the monitor's folder is not removed under it. */
  viewerComing = false
  /** Open viewers, by which the terminal is resized. */
  readonly viewers = new Set<Viewer>()
  readonly #exitWaiters = new Set<(exit: ProcessExit) => void>()

  constructor(id: string, container: Container, spec: ExecSpec) {
    this.id = id
    this.container = container
    this.spec = spec
  }

  get running(): boolean {
    return this.started !== undefined && this.exit === undefined
  }

  ended(exit: ProcessExit): void {
    if (this.exit) return
    this.exit = exit
    for (const resolve of this.#exitWaiters) resolve(exit)
    this.#exitWaiters.clear()
  }

  /** Resolves when the process has ended. */
  wait(): Promise<ProcessExit> {
    return this.exit ? Promise.resolve(this.exit) : new Promise((resolve) => this.#exitWaiters.add(resolve))
  }

  inspect(): ExecInspect {
    return {
      id: this.id,
      containerId: this.container.id,
      spec: this.spec,
      running: this.running,
      pid: this.running ? (this.started?.pid ?? 0) : 0,
      exitCode: this.exit?.exitCode ?? null,
      startedAt: this.startedAt,
      finishedAt: this.exit?.finishedAt ?? '',
    }
  }
}

/** Finished execs that a container remembers for inspect and list. */
const finishedExecs = 64

/** Execs of all containers. They live in memory; running ones are written beside their container so that recovery finds them. */
export class ExecStore {
  readonly #byId = new Map<string, Exec>()

  add(exec: Exec): void {
    this.#byId.set(exec.id, exec)
    const old = this.list(exec.container).filter((other) => other.exit !== undefined)
    for (const forgotten of old.slice(finishedExecs)) this.#byId.delete(forgotten.id)
  }

  /** Only through the project that owns the container. Throws `not_found`. */
  find(projectId: string, id: string): Exec {
    const exec = this.#byId.get(id)
    if (!exec || exec.container.projectId !== projectId || exec.container.removed) {
      throw new GantryError('not_found', `no such exec: ${id}`, { value: id })
    }
    return exec
  }

  get(id: string): Exec | undefined {
    return this.#byId.get(id)
  }

  /** Newest first. */
  list(container: Container): Exec[] {
    return [...this.#byId.values()].filter((exec) => exec.container === container).reverse()
  }

  delete(exec: Exec): void {
    this.#byId.delete(exec.id)
  }

  forget(container: Container): void {
    for (const exec of this.list(container)) this.#byId.delete(exec.id)
  }
}
