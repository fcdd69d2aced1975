import { readFileSync } from 'node:fs'

/**
 * Sends a signal to exactly this process: the start time (proc_pid_stat(5), field 22) tells it from a later one with its pid. False
 * when it is gone. Look and signal follow each other without giving way to other work, and the pid of a process whose monitor lives is
 * not reused before the monitor has reaped it.
 */
export function signalProcess(target: { readonly pid: number; readonly startTicks: number }, signal: number): boolean {
  try {
    const stat = readFileSync(`/proc/${target.pid}/stat`, 'utf8')
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) !== target.startTicks) return false
    return process.kill(target.pid, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return false
    throw error
  }
}
