import { type ByteChannel, GantryError, type TerminalServerMessage, terminalClientMessageSchema } from '@gantry/contracts'
import { type Backend, type TerminalTicket, watchAccess } from '@gantry/core'
import type { RawData, WebSocket } from 'ws'
import { publicError } from '../http/answer.ts'
import { keepAlive } from './heartbeat.ts'
import { TerminalOutput } from './output.ts'

/** Close codes: 1000 the shell has ended, 4001 the right to it is gone, 1013 try again (agent away), 1011 our own fault. */
const closeCodes = { ended: 1000, denied: 4001, again: 1013, failed: 1011 }
/** Input that the agent has not taken yet; above it nothing is read from the browser. */
const inputHighWaterBytes = 256 * 1024

/** Connects one browser with one shell until either ends. The shell goes on without the browser. */
export async function serveTerminal(backend: Backend, socket: WebSocket, ticket: TerminalTicket): Promise<void> {
  const abort = new AbortController()
  socket.once('close', () => abort.abort())
  keepAlive(socket)
  const asked = { permission: 'container.exec' as const, projectId: ticket.projectId }
  const stopWatching = watchAccess(backend, ticket.caller, asked, (reason) => refuseTerminal(socket, reason))
  const { projectId, sessionId: id, from, columns, rows } = ticket
  const { channel, result } = backend.agent.duplex('exec.attach', { projectId, id, from, columns, rows }, { signal: abort.signal })
  try {
    await Promise.all([pump(backend, socket, channel, ticket), result])
    const { exitCode } = await result
    tell(socket, { type: 'exit', exitCode })
    socket.close(closeCodes.ended)
  } catch (error) {
    if (!abort.signal.aborted) refuseTerminal(socket, error, backend)
  } finally {
    stopWatching()
    abort.abort()
  }
}

/** Says why in words, then closes. */
export function refuseTerminal(socket: WebSocket, error: unknown, backend?: Backend): void {
  const shown = publicError(error)
  if (shown.code === 'internal') backend?.log.error('a terminal failed', { error })
  tell(socket, { type: 'error', message: shown.message })
  socket.close(closeCodeOf(shown))
}

function closeCodeOf({ code }: GantryError): number {
  if (code === 'unavailable') return closeCodes.again
  return code === 'internal' ? closeCodes.failed : closeCodes.denied
}

function tell(socket: WebSocket, message: TerminalServerMessage): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
}

/** Output until it ends. The agent's first 8 bytes are the offset of the byte after them; then input may come. */
async function pump(backend: Backend, socket: WebSocket, channel: ByteChannel, ticket: TerminalTicket): Promise<void> {
  let head = Buffer.alloc(0)
  let output: TerminalOutput | undefined
  for await (const bytes of channel.incoming) {
    if (output) {
      await output.write(bytes)
      continue
    }
    head = Buffer.concat([head, bytes])
    if (head.length < 8) continue
    const from = Number(head.readBigUInt64BE())
    output = new TerminalOutput(socket, from)
    listen(backend, socket, channel, { output, ticket })
    tell(socket, { type: 'ready', sessionId: ticket.sessionId, from })
    await output.write(head.subarray(8))
  }
}

function listen(
  backend: Backend,
  socket: WebSocket,
  channel: ByteChannel,
  { output, ticket }: { output: TerminalOutput; ticket: TerminalTicket },
): void {
  const input = new TerminalInput(socket, channel)
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const bytes = toBuffer(data)
    if (isBinary) return input.write(bytes)
    const message = parseMessage(bytes)
    if (message?.type === 'ack') output.acknowledge(message.offset)
    else if (message?.type === 'resize') resize(backend, ticket, message)
    else refuseTerminal(socket, new GantryError('invalid_input', 'unknown terminal message'))
  })
}

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}

function parseMessage(bytes: Buffer) {
  try {
    return terminalClientMessageSchema.safeParse(JSON.parse(bytes.toString())).data
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** A window that cannot be resized is no reason to end its shell. */
function resize(
  { agent, log }: Backend,
  { projectId, sessionId: id }: TerminalTicket,
  { columns, rows }: { columns: number; rows: number },
): void {
  agent.call('exec.resize', { projectId, id, columns, rows }).catch((error: unknown) => log.warn('a terminal was not resized', { error }))
}

/** Keystrokes in order; a browser that pastes faster than the shell reads is not read from meanwhile. */
class TerminalInput {
  readonly #socket: WebSocket
  readonly #channel: ByteChannel
  #waiting = 0
  #last: Promise<void> = Promise.resolve()

  constructor(socket: WebSocket, channel: ByteChannel) {
    this.#socket = socket
    this.#channel = channel
  }

  write(bytes: Buffer): void {
    this.#waiting += bytes.length
    if (this.#waiting > inputHighWaterBytes) this.#socket.pause()
    // A shell that has ended takes no more; its end is told by the attach itself.
    this.#last = this.#last
      .then(() => this.#channel.write(bytes))
      .catch(() => undefined)
      .then(() => {
        this.#waiting -= bytes.length
        if (this.#waiting <= inputHighWaterBytes && this.#socket.isPaused) this.#socket.resume()
      })
  }
}
