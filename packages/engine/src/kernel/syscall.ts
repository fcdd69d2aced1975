import koffi from 'koffi'

/**
 * System calls that change nothing of this process, for places where a round trip to the launcher would be waste. Everything that
 * acts on namespaces, mounts, credentials or the current folder goes through the launcher: Node has many threads.
 */
const libc = koffi.load('libc.so.6')
const nativeSyscall = libc.func('long syscall(long number, ...)')

/** The same on every architecture since Linux 5.1 (asm-generic/unistd.h). */
const SYS_pidfd_open = 434
const SYS_pidfd_send_signal = 424
const ESRCH = 3

/**
 * Sends a signal to the process that a pid named when `check` said so: the descriptor is taken first, so a pid that was reused
 * in between is never hit. False when the process has ended.
 */
export function signalProcess(pid: number, signal: number, isSame: () => boolean): boolean {
  const pidfd = Number(nativeSyscall(SYS_pidfd_open, 'int', pid, 'int', 0))
  if (pidfd < 0) return failed('pidfd_open')
  try {
    if (!isSame()) return false
    const sent = Number(nativeSyscall(SYS_pidfd_send_signal, 'int', pidfd, 'int', signal, 'void *', null, 'int', 0))
    return sent === 0 ? true : failed('pidfd_send_signal')
  } finally {
    closeDescriptor(pidfd)
  }
}

function failed(call: string): false {
  const error = koffi.errno()
  if (error === ESRCH) return false
  throw Object.assign(new Error(`${call} failed with errno ${error}`), { errno: error })
}

const nativeClose = libc.func('int close(int fd)')
function closeDescriptor(fd: number): void {
  nativeClose(fd)
}

const nativeStatfs = libc.func('int statfs(const char *path, _Out_ uint8_t *buf)')

export interface FileSystem {
  /** Magic number (linux/magic.h), e.g. 0xef53 for ext4. */
  readonly type: number
  readonly totalBytes: number
  /** Free for unprivileged users. */
  readonly availableBytes: number
}

/** statfs(2), synchronous: 64-bit layout, where each of the first five fields is a long. Throws for a path that is not there. */
export function fileSystem(path: string): FileSystem {
  const buffer = Buffer.alloc(256)
  if (nativeStatfs(path, buffer) !== 0)
    throw Object.assign(new Error(`statfs ${path} failed with errno ${koffi.errno()}`), { errno: koffi.errno() })
  const field = (index: number) => Number(buffer.readBigUInt64LE(index * 8))
  return { type: field(0), totalBytes: field(2) * field(1), availableBytes: field(4) * field(1) }
}
