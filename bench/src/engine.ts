import type { ContainerSpecInput } from '@gantry/contracts'

/** What the benchmarks ask of an engine; every engine starts `busybox` with the same limits, on a bridge. */
export interface Engine {
  readonly name: string
  /** Makes a container of `busybox`; absent limits are none. */
  create(command: readonly string[], options?: CreateOptions): Promise<string>
  start(id: string): Promise<void>
  /** Resolves when it has ended; rejects unless the exit code is 0. */
  wait(id: string): Promise<void>
  remove(id: string): Promise<void>
  /** Runs a command in a running container to its end; rejects unless the exit code is 0. */
  exec(id: string, command: readonly string[]): Promise<void>
  /** Reads the whole log; resolves with the number of bytes of text. */
  readLog(id: string): Promise<number>
  /** Counters of all these containers, by as few calls as the engine has for it. */
  stats(ids: readonly string[]): Promise<void>
  load(archive: string): Promise<void>
  /** Milliseconds of cpu time of the engine and its containers so far, ended processes included. */
  cpuMs(): number
  /** Its processes now, those of containers included. */
  processes(): number[]
  close(): Promise<void>
}

export interface CreateOptions {
  readonly resources?: Pick<NonNullable<ContainerSpecInput['resources']>, 'memoryBytes' | 'nanoCpus' | 'pidsLimit'>
  /** Bytes a log file may have before it is rotated. */
  readonly logBytes?: number
}

/** Starts an engine with empty folders below `dataParent`, which names the file system that its data lies on. */
export type StartEngine = (dataParent: string) => Promise<Engine>
