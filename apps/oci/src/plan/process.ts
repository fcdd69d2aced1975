import { existsSync } from 'node:fs'
import type { Op } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts/gantry-error'
import type { IdMap } from '../config/linux.ts'
import type { Process, Scheduler } from '../config/process.ts'
import { boundingSet, callersOpenFiles } from '../kernel/process.ts'
import type { Section } from '../kernel/native.ts'
import { capabilityMasks } from './capabilities.ts'
import { hostId } from './namespaces.ts'

export interface ProcessContext {
  /** Socket that gets the terminal's master; '' when this program itself shows it. */
  readonly consoleSocket: string | undefined
  /** A start lays the terminal over /dev/console; an exec does not. */
  readonly mountsConsole: boolean
  readonly uidMappings: readonly IdMap[] | null | undefined
  /** Compiled filter with its flags and listener: the words of the `filter` operation. */
  readonly filter: readonly string[] | null
  readonly newKeyring: boolean
  readonly id: string
  readonly personality: string | undefined
  /** Between "found the command" and the locks: for a start, where it waits and its last hooks. */
  readonly beforeLocks: readonly Op[]
}

/** What the intermediate does while it is host root, in the host's namespaces. */
export function planOutside(process: Process, { uidMappings }: Pick<ProcessContext, 'uidMappings'>): Section[] {
  const uid = hostId(uidMappings, process.user?.uid ?? 0)
  const run: Op[] = limits(process).map(([name, soft, hard]) => ['limit.raise', name, soft, hard])
  if (process.scheduler) run.push(schedulerOp(process.scheduler))
  if (process.ioPriority) run.push(['ioprio', ioClasses[process.ioPriority.class], String(process.ioPriority.priority)])
  if (!process.terminal && uid !== undefined) run.push(['stdio', String(uid)])
  const score = process.oomScoreAdj
  return [
    { name: 'process', ops: typeof score === 'number' ? [['oom_score_adj', String(score)]] : [] },
    { name: 'run', ops: run },
  ]
}

const ioClasses = { IOPRIO_CLASS_RT: '1', IOPRIO_CLASS_BE: '2', IOPRIO_CLASS_IDLE: '3' } as const
const policies = { SCHED_OTHER: 0, SCHED_FIFO: 1, SCHED_RR: 2, SCHED_BATCH: 3, SCHED_ISO: 4, SCHED_IDLE: 5, SCHED_DEADLINE: 6 } as const
const schedulerFlags = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const

function schedulerOp({ policy, nice, priority, flags, runtime, deadline, period }: Scheduler): Op {
  const bits = (flags ?? []).reduce((sum, flag) => sum | schedulerFlags[flag], 0)
  return ['scheduler', ...[policies[policy], nice ?? 0, priority ?? 0, bits, runtime ?? 0, deadline ?? 0, period ?? 0].map(String)]
}

/** Names for the native side, -1 for "no limit"; JSON cannot hold RLIM_INFINITY exactly. */
function limits({ rlimits }: Process): [name: string, soft: string, hard: string][] {
  const text = (value: number) => (value < 0 || value >= 2 ** 63 ? '-1' : String(value))
  const all = (rlimits ?? []).map(({ type, soft, hard }): [string, string, string] => [type.slice(7).toLowerCase(), text(soft), text(hard)])
  const names = new Set<string>()
  for (const [name] of all) {
    if (names.has(name)) throw new GantryError('invalid_input', `rlimit ${name} is listed twice`, { field: 'process.rlimits' })
    names.add(name)
  }
  const own = names.has('nofile') ? null : callersOpenFiles()
  if (own) all.push(['nofile', own.soft === 'unlimited' ? '-1' : own.soft, own.hard === 'unlimited' ? '-1' : own.hard])
  return all
}

/** Inside, once the roots have changed: terminal, labels, identity, locks, command. */
export function planInside(process: Process, context: ProcessContext): Section[] {
  const [command, ...args] = process.args ?? []
  if (command === undefined) throw new GantryError('invalid_input', 'process.args needs a command', { field: 'process.args' })
  const uid = String(process.user?.uid ?? 0)
  const nnp = process.noNewPrivileges ?? false
  const masks = capabilityMasks(process.capabilities, boundingSet(), context.filter !== null && !nnp)
  const groups = (process.user?.additionalGids ?? []).map(String)
  const identity = [uid, String(process.user?.gid ?? 0), ...masks, ...groups]
  const start: Op[] = process.terminal ? [terminalOp(process, context)] : []
  const run: Op[] = [
    ...labels(process),
    ...(context.personality ? [['personality', context.personality] as const] : []),
    ['umask', (process.user?.umask ?? 0o22).toString(8)],
    ...limits(process).map(([name, soft, hard]) => ['limit', name, soft, hard] as const),
    ['identity', ...identity],
  ]
  return [
    { name: 'run', ops: start },
    { name: 'process', ops: [...(context.newKeyring ? [['keyring', context.id] as const] : []), ['cwd', process.cwd]] },
    { name: 'run', ops: run },
    { name: 'process', ops: environment(process) },
    { name: 'run', ops: [['home', uid], ['command', command], ...context.beforeLocks] },
    { name: 'process', ops: nnp ? [['no_new_privs']] : [] },
    {
      name: 'run',
      ops: [...(context.filter ? [['filter', ...context.filter] as const] : []), ['caps.final', ...identity], ['exec', command, ...args]],
    },
  ]
}

function environment({ env }: Process): Op[] {
  return (env ?? []).map((entry): Op => {
    if (entry.indexOf('=') > 0) return ['env', entry]
    throw new GantryError('invalid_input', `environment entry "${entry}" is not NAME=VALUE`, { field: 'process.env' })
  })
}

function terminalOp(process: Process, context: ProcessContext): Op {
  const { width = 0, height = 0 } = process.consoleSize ?? {}
  const place = context.mountsConsole ? 'mount' : '-'
  return ['terminal', String(width), String(height), context.consoleSocket ?? '', String(process.user?.uid ?? 0), place]
}

export function hasSelinux(): boolean {
  return existsSync('/sys/fs/selinux/enforce')
}

/** A label that nobody enforces would be a promise not kept: refused, unless it asks for nothing. */
function labels({ apparmorProfile, selinuxLabel }: Process): Op[] {
  const ops: Op[] = []
  if (selinuxLabel) {
    if (!hasSelinux())
      throw new GantryError('unsupported', 'selinuxLabel: SELinux is not enabled on this machine', { field: 'process.selinuxLabel' })
    ops.push(['label', 'exec', selinuxLabel])
  }
  if (apparmorProfile && apparmorProfile !== 'unconfined') {
    if (!existsSync('/sys/kernel/security/apparmor')) {
      throw new GantryError('unsupported', `apparmorProfile ${apparmorProfile}: AppArmor is not enabled on this machine`, {
        field: 'process.apparmorProfile',
      })
    }
    ops.push(['label', existsSync('/proc/self/attr/apparmor/exec') ? 'apparmor/exec' : 'exec', `exec ${apparmorProfile}`])
  }
  return ops
}
