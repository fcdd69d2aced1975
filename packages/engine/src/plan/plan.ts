import type { ContainerSpec, ExecSpec, ImageConfig, Op } from '@gantry/contracts'
import type { StartPlan } from '../kernel/kernel.ts'
import type { ResolvedMount, RootfsSource, Sandbox } from '../ports.ts'
import { execNamespaceOps, namespaceOps } from './namespaces.ts'
import { logOps, type Logged, type LogReceiver } from './log.ts'
import { rootfsOps } from './mounts.ts'
import { commandLine, execProcessOps, processOps } from './process.ts'

/** Everything a start is decided from. Values only: whoever calls has resolved names, pulled images and made folders. */
export interface StartInput {
  readonly containerId: string
  /** Normalised spec, as kept in spec.json. */
  readonly spec: ContainerSpec
  readonly image: Pick<ImageConfig, 'entrypoint' | 'command' | 'env' | 'user' | 'workingDir'>
  readonly rootfs: RootfsSource
  readonly mounts: readonly ResolvedMount[]
  readonly sandbox: Pick<Sandbox, 'namespaceOps'>
  /** `Cgroups.createOps(…).ops`: carried out by host root before the process exists. */
  readonly cgroupOps: readonly Op[]
  /** `Cgroups.enterOps(…)`. */
  readonly cgroupEnterOps: readonly Op[]
  /** Compiled filter from `compileSeccomp`; null runs unconfined. */
  readonly seccompFile: string | null
  /** Folder with the native programs (gantry-init). */
  readonly nativeDir: string
  /** Short folder for the monitor's socket, made by the caller (mode 0700). */
  readonly monitorDir: string
  /** Host files mounted over /etc/hosts, /etc/hostname and /etc/resolv.conf; null leaves the image's. */
  readonly files: { readonly hosts: string | null; readonly hostname: string | null; readonly resolvConf: string | null }
  /** Log file for drivers that keep one. */
  readonly logPath: string
  /** What lines of the log can say of the container, and who takes them for driver syslog. */
  readonly logged?: Pick<Logged, 'name' | 'image'> & { readonly receiver?: LogReceiver | undefined }
  /** Files of LXCFS over those of procfs and sysfs, [host, inside]. */
  readonly covers?: readonly (readonly [source: string, target: string])[]
  /** Fsynced copy of the exit record, for after a reboot; the monitor also writes monitorDir/exit.json. */
  readonly exitFile: string
  /** Output kept for viewers of a tty. Absent: monitorDir/scrollback. */
  readonly scrollbackPath?: string
  /** Hold the first output until so many viewers, of clients that attached before the start, are there. Absent or 0: never. */
  readonly announcedViewers?: number
  readonly columns?: number
  readonly rows?: number
  /** Init processes whose namespaces are joined: `pidMode`/`ipcMode` = `container:X`. */
  readonly joinPid?: { readonly pid?: number; readonly ipc?: number }
  /** Capabilities this machine's root has (`rootCapabilities()` of kernel/proc.ts): nothing beyond is asked for. */
  readonly hostCapabilities: readonly string[]
}

/** Everything an exec is decided from. The container's start decided the rest: the same namespaces, cgroups, filter and limits. */
export interface ExecInput {
  readonly execId: string
  readonly spec: ExecSpec
  readonly container: ContainerSpec
  readonly image: StartInput['image']
  /** The container's init, on the host. */
  readonly pid: number
  readonly startTicks: number
  readonly cgroupEnterOps: readonly Op[]
  readonly seccompFile: string | null
  readonly monitorDir: string
  readonly scrollbackPath?: string
  /** Attached execs hold their output until the caller's viewer is there. Absent or 0: none will come, output is dropped. */
  readonly announcedViewers?: number
  readonly hostCapabilities: readonly string[]
}

/**
 * The monitor is told of every announced viewer that it comes or not, and notices the end of the agent. This is for an agent that can
 * do neither, and far above what a busy machine takes.
 */
const holdMs = 600_000

/** Bytes of terminal output kept for viewers that come back. */
const scrollbackBytes = 4 * 1024 * 1024

/**
 * Decides the start of a container's main process.
 * Throws `invalid_input` when there is no command.
 */
export function planStart(input: StartInput): StartPlan {
  const { spec } = input
  return {
    key: input.containerId,
    monitorDir: input.monitorDir,
    host: [...input.cgroupOps],
    monitor: monitorOps({
      tty: spec.tty,
      stdin: spec.openStdin ? (spec.stdinOnce ? 'once' : 'open') : 'none',
      columns: input.columns,
      rows: input.rows,
      scrollbackPath: input.scrollbackPath ?? `${input.monitorDir}/scrollback`,
      announcedViewers: input.announcedViewers ?? 0,
      log: startLogOps(input),
      exitFile: input.exitFile,
    }),
    namespaces: namespaceOps(input),
    rootfs: rootfsOps(input),
    process: processOps(input),
  }
}

function startLogOps({ containerId, spec, image, logPath, logged }: StartInput): Op[] {
  const unnamed = { name: '', image: { id: '', reference: spec.image } }
  return logOps({ id: containerId, args: commandLine(spec, image), spec, ...(logged ?? unnamed) }, logPath, logged?.receiver)
}

/** Decides an exec: every namespace of the container's init, the container's own identity rules. */
export function planExec(input: ExecInput): StartPlan {
  const { spec } = input
  return {
    key: input.execId,
    monitorDir: input.monitorDir,
    host: [],
    monitor: monitorOps({
      tty: spec.tty,
      stdin: spec.openStdin ? 'once' : 'none',
      columns: spec.columns,
      rows: spec.rows,
      scrollbackPath: input.scrollbackPath ?? `${input.monitorDir}/scrollback`,
      announcedViewers: input.announcedViewers ?? 0,
      log: [],
      exitFile: null,
      // A persistent session's stdin stays open when a viewer leaves.
      ...(spec.persistent && spec.openStdin ? { stdin: 'open' } : {}),
    }),
    namespaces: execNamespaceOps(input),
    rootfs: [],
    process: execProcessOps(input),
  }
}

/** All operations of a plan in the order they are carried out, as `gantry plan` prints them. */
export function planToOps(plan: StartPlan): Op[] {
  return [...plan.host, ...plan.monitor, ...plan.namespaces, ...plan.rootfs, ...plan.process]
}

interface MonitorChoices {
  tty: boolean
  stdin: string
  columns: number | undefined
  rows: number | undefined
  scrollbackPath: string
  announcedViewers: number
  log: readonly Op[]
  exitFile: string | null
}

function monitorOps(choice: MonitorChoices): Op[] {
  const ops: Op[] = []
  if (choice.tty) {
    ops.push(['tty', String(choice.columns ?? 80), String(choice.rows ?? 24)])
    ops.push(['ring', choice.scrollbackPath, String(scrollbackBytes)])
  }
  ops.push(['stdin', choice.stdin])
  if (choice.announcedViewers > 0) ops.push(['hold', String(holdMs), String(choice.announcedViewers)])
  ops.push(...choice.log)
  if (choice.exitFile) ops.push(['exit.file', choice.exitFile])
  return ops
}
