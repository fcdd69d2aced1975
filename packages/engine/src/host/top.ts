import { readdirSync, readFileSync } from 'node:fs'
import { isGone } from '../cgroup/host-facts.ts'
import type { CgroupRef, Cgroups } from '../ports.ts'

export interface ProcessTable {
  readonly titles: string[]
  readonly processes: string[][]
}

/** Columns of `ps -ef`, which docker's top shows unless told otherwise. */
const titles = ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD']
const TICKS_PER_SECOND = 100

/** The fields of /proc/PID/stat, status and cmdline that the table needs; proc_pid_stat(5). */
export interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  readonly uid: number
  readonly name: string
  readonly command: readonly string[]
  readonly ttyNumber: number
  readonly cpuTicks: number
  readonly startTicks: number
}

/**
 * Processes of a container with their host pids and users, in the shape of `docker top`. Found by cgroup; when the group
 * shows none, by descent from `initPid`.
 */
export async function top(cgroups: Pick<Cgroups, 'processes'>, group: CgroupRef, initPid: number): Promise<ProcessTable> {
  const pids = await processesOf(cgroups, group, initPid)
  const uptimeSeconds = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'))
  const nowMs = Date.now()
  const rows = pids.flatMap((pid) => readProcess(pid) ?? []).sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)
  return { titles, processes: rows.map((process) => formatRow(process, uptimeSeconds, nowMs)) }
}

/** Pids of a container's processes on the host. */
export async function processesOf(cgroups: Pick<Cgroups, 'processes'>, group: CgroupRef, initPid: number): Promise<number[]> {
  const grouped = await cgroups.processes(group)
  return grouped.length > 0 ? grouped : descendants(initPid)
}

/** One row of `ps -ef`. */
export function formatRow(process: ProcessFacts, uptimeSeconds: number, nowMs: number): string[] {
  const ageSeconds = Math.max(0, uptimeSeconds - process.startTicks / TICKS_PER_SECOND)
  const cpuSeconds = process.cpuTicks / TICKS_PER_SECOND
  return [
    String(process.uid),
    String(process.pid),
    String(process.parent),
    String(ageSeconds > 0 ? Math.min(99, Math.floor((100 * cpuSeconds) / ageSeconds)) : 0),
    formatStart(nowMs - ageSeconds * 1000, nowMs),
    formatTty(process.ttyNumber),
    formatDuration(Math.floor(cpuSeconds)),
    process.command.length > 0 ? process.command.join(' ') : `[${process.name}]`,
  ]
}

const two = (n: number) => String(n).padStart(2, '0')

/** Hour and minute for the last day, else month and day, as ps does. */
function formatStart(startMs: number, nowMs: number): string {
  const start = new Date(startMs)
  if (nowMs - startMs < 86_400_000) return `${two(start.getHours())}:${two(start.getMinutes())}`
  return `${start.toLocaleString('en', { month: 'short' })}${two(start.getDate())}`
}

function formatDuration(seconds: number): string {
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}

/** Unix 98 ptys have the majors 136 to 143; tty_nr packs the minor's low byte below the major. */
function formatTty(number: number): string {
  if (number === 0) return '?'
  const major = (number >> 8) & 0xfff
  const minor = (number & 0xff) | ((number >> 12) & 0xfff00)
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`
  return major === 4 ? `tty${minor}` : '?'
}

/** Null when the process has ended meanwhile. */
function readProcess(pid: number): ProcessFacts | null {
  try {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8')
    return parseProcess(pid, read('stat'), read('status'), read('cmdline'))
  } catch (error) {
    if (isGone(error) || (error as NodeJS.ErrnoException).code === 'ESRCH') return null
    throw error
  }
}

export function parseProcess(pid: number, stat: string, status: string, cmdline: string): ProcessFacts {
  // The name stands in parentheses and may hold any character, further parentheses included.
  const nameEnd = stat.lastIndexOf(')')
  const fields = stat
    .slice(nameEnd + 2)
    .split(' ')
    .map(Number)
  const field = (manual: number) => fields[manual - 3] ?? 0
  return {
    pid,
    name: stat.slice(stat.indexOf('(') + 1, nameEnd),
    parent: field(4),
    ttyNumber: field(7),
    cpuTicks: field(14) + field(15),
    startTicks: field(22),
    uid: Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? 0),
    command: cmdline.split('\0').filter((word, index, words) => word !== '' || index < words.length - 1),
  }
}

/** The process and everything below it. */
function descendants(initPid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const processes = all.flatMap((name) => readProcess(Number(name)) ?? [])
  const family = new Set<number>([initPid])
  for (let grew = true; grew; ) {
    grew = false
    for (const { pid, parent } of processes) {
      if (!family.has(parent) || family.has(pid)) continue
      family.add(pid)
      grew = true
    }
  }
  return [...family]
}
