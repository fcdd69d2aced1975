import type { Op, StartStep } from '@gantry/contracts'

/**
 * The port to the kernel: everything that needs clone, setns, mount or netlink goes through the native launcher.
 * `kernel/launcher.ts` is the real one; tests of pure code use a recording fake.
 */
export interface Kernel {
  /**
   * Starts a process under a monitor of its own and resolves when it has been exec'ed.
   * Rejects with a `GantryError` whose detail names the step and errno; then nothing is left behind but what `plan.host` made,
   * which the caller undoes.
   */
  start(plan: StartPlan): Promise<Started>

  /**
   * Carries out host operations in order in one short-lived native process (or in the launcher itself where that is safe),
   * stopping at the first that fails. Resolves with one string per operation ('' when it has no result).
   */
  ops(ops: readonly Op[]): Promise<string[]>

  /** Called once for every process that `start` started and that ended, monitors of an earlier agent included after `adopt`. */
  onExit(listener: (exit: ProcessExit) => void): void

  /** Connects to the monitor of a container or exec that an earlier agent started. Resolves null when the monitor is gone. */
  adopt(monitorDir: string): Promise<Started | null>

  /** Opens the monitor's attach socket: bytes both ways. */
  attach(monitorDir: string, options: AttachOptions): Promise<AttachChannel>

  /** Tells a monitor that one of the viewers its output is held for does not come. One that is gone needs not be told. */
  callOff(monitorDir: string): Promise<void>

  close(): Promise<void>
}

/** What the native helper needs to start one process. Sections run in this order; see native/README.md for every operation. */
export interface StartPlan {
  /** Unique among running processes; container id or exec id. */
  readonly key: string
  /** Folder of this process's monitor: holds `sock`, `exit.json`, `scrollback`, made by the caller (mode 0700). */
  readonly monitorDir: string
  /** Operations by host root before the process exists: make and fill cgroups, prepare folders. */
  readonly host: readonly Op[]
  /** How the monitor treats stdio, log, pty, exit. */
  readonly monitor: readonly Op[]
  /** Namespaces to make or join, id maps, cgroups to enter. */
  readonly namespaces: readonly Op[]
  /** Mounts and files, carried out inside the new mount namespace; empty for an exec. */
  readonly rootfs: readonly Op[]
  /** Identity and environment, last thing before exec: rlimits, capabilities, seccomp, user, cwd, env, argv. */
  readonly process: readonly Op[]
}

export interface Started {
  readonly key: string
  /** PID on the host of the process itself. */
  readonly pid: number
  /** Start time of `pid` in clock ticks (field 22 of /proc/pid/stat): with the pid it identifies the process for ever. */
  readonly startTicks: number
  readonly monitorPid: number
  readonly steps: readonly StartStep[]
  /** Set when the process had already ended on adoption. */
  readonly exit?: ProcessExit
}

export interface ProcessExit {
  readonly key: string
  /** As a shell reports it: 128 + signal when killed. */
  readonly exitCode: number
  readonly signal: number
  readonly oomKilled: boolean
  /** RFC 3339, nanoseconds. */
  readonly finishedAt: string
}

export interface AttachOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Replay from this byte of the output; 'end' for only what comes from now on. */
  readonly from: number | 'end'
  /** One of the viewers that the start announced: output is held until all of those have come. */
  readonly announced?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface AttachChannel {
  /** Offset of the first byte that will come; larger than `from` when the ring has dropped bytes. */
  readonly startOffset: number
  /** Ends when the process has ended and all its output was delivered. */
  readonly output: AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }>
  write(bytes: Uint8Array): Promise<void>
  closeStdin(): void
  resize(columns: number, rows: number): void
  /** Leaves; the process goes on. */
  detach(): void
  readonly exit: Promise<ProcessExit | null>
}
