import { readFileSync } from 'node:fs'
import koffi from 'koffi'

// System calls that change nothing of this process, which has many threads; all others go through the launcher.
const libc = koffi.load('libc.so.6')
const systemCall = libc.func('long syscall(long number, ...)')
const closeDescriptor = libc.func('int close(int fd)')

/** The same on every architecture (asm-generic/unistd.h); Linux 5.3 and 5.1. */
const SYS_pidfd_open = 434
const SYS_pidfd_send_signal = 424
const ESRCH = 3

/**
 * Sends a signal to exactly this process: a descriptor is taken first, then the start time (proc_pid_stat(5), field 22) is
 * compared, so a pid that another process has got meanwhile is never hit. False when the process is gone.
 */
export function signalProcess(target: { readonly pid: number; readonly startTicks: number }, signal: number): boolean {
  const pidfd = Number(systemCall(SYS_pidfd_open, 'int', target.pid, 'int', 0))
  if (pidfd < 0) return gone('pidfd_open', target.pid)
  try {
    if (startTicksNow(target.pid) !== target.startTicks) return false
    const sent = Number(systemCall(SYS_pidfd_send_signal, 'int', pidfd, 'int', signal, 'void *', null, 'int', 0))
    return sent === 0 || gone('pidfd_send_signal', target.pid)
  } finally {
    closeDescriptor(pidfd)
  }
}

function gone(call: string, pid: number): false {
  const errno = koffi.errno()
  if (errno === ESRCH) return false
  throw Object.assign(new Error(`${call} of process ${pid} failed with errno ${errno}`), { errno })
}

function startTicksNow(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command, in parentheses, may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return 0
    throw error
  }
}
