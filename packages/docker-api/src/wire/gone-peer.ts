import type { Duplex } from 'node:stream'

const everyMs = 2_000
const nothing = Buffer.alloc(0)

/**
 * Destroys a unix socket whose peer has gone altogether. To us that looks like a half-close until we write; writing nothing tells the
 * two apart without a byte sent.
 */
export function destroyWhenPeerIsGone(socket: Duplex): void {
  const probe = () => {
    if (socket.writable) socket.write(nothing)
  }
  socket.once('end', () => {
    probe()
    const timer = setInterval(probe, everyMs)
    timer.unref()
    socket.once('close', () => clearInterval(timer))
  })
}
