import { readFileSync } from 'node:fs'

export interface ProcessStat {
  readonly state: string
  readonly startTicks: number
}

/** Null when there is no such process (proc_pid_stat(5)). */
export function readStat(pid: number): ProcessStat | null {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null
  }
  // The command, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? 'X', startTicks: Number(fields[19] ?? 0) }
}

/** The very process, still running something. */
export function isAlive(pid: number, startTicks: number): boolean {
  const stat = readStat(pid)
  return stat !== null && stat.startTicks === startTicks && stat.state !== 'Z' && stat.state !== 'X'
}

/** Bits of the bounding set: the most that a process of ours can have. */
export function boundingSet(): bigint {
  return BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`)
}

/**
 * Node raises its own soft limit on open files, and what it starts inherits that. The caller's own limit is what a container
 * would have had from a runtime that does not.
 */
export function callersOpenFiles(): { soft: string; hard: string } | null {
  try {
    const found = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync(`/proc/${process.ppid}/limits`, 'utf8'))
    return found?.[1] && found[2] ? { soft: found[1], hard: found[2] } : null
  } catch {
    return null
  }
}
