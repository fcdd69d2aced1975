import type { WebSocket } from 'ws'

const intervalMs = 15_000

/** Ends a socket whose browser has not answered a ping for a whole interval. */
export function keepAlive(socket: WebSocket): void {
  let answered = true
  socket.on('pong', () => {
    answered = true
  })
  const timer = setInterval(() => {
    if (!answered) return socket.terminate()
    answered = false
    socket.ping()
  }, intervalMs)
  socket.once('close', () => clearInterval(timer))
}
