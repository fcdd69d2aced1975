import type { Writable } from 'node:stream'
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)')
const SOL_SOCKET = 1
/** As SO_SNDBUF without the system's limit; needs CAP_NET_ADMIN (socket(7)). */
const SO_SNDBUFFORCE = 32

/**
 * Lets more bytes wait in the socket to a child (Node's stdin pipes are unix sockets, 208 KiB by default), so that both sides work
 * in longer turns instead of waking each other for every few pages. Without effect on anything else; a failure only costs speed.
 */
export function widenPipe(stdin: Writable, bytes: number): void {
  const handle = (stdin as { _handle?: { fd?: number } })._handle
  if (handle?.fd === undefined || handle.fd < 0) return
  const value = Buffer.alloc(4)
  value.writeInt32LE(bytes)
  setsockopt(handle.fd, SOL_SOCKET, SO_SNDBUFFORCE, value, value.length)
}
