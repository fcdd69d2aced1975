import { type TerminalClientMessage, terminalLowWaterBytes, terminalServerMessageSchema } from '@gantry/contracts'

/** What the client needs of a WebSocket; the browser's own fits. */
export interface TerminalSocket {
  binaryType: string
  readonly readyState: number
  onopen: ((event: never) => unknown) | null
  onmessage: ((event: { data: unknown }) => unknown) | null
  onclose: ((event: never) => unknown) | null
  onerror: ((event: never) => unknown) | null
  send(data: string | Uint8Array): void
  close(): void
}

export type TerminalStatus =
  | { kind: 'connecting' }
  | { kind: 'ready' }
  /** Lost; the next try is after `delayMs`. */
  | { kind: 'waiting'; attempt: number; delayMs: number; reason: string }
  | { kind: 'exited'; exitCode: number }
  | { kind: 'failed'; reason: string }
  | { kind: 'closed' }

export type TicketRequest = { sessionId?: string; columns: number; rows: number; from: number }

/** A refusal that trying again does not change (unknown container, not running, forbidden). */
export class FinalTerminalError extends Error {}

export type TerminalClientOptions = {
  /** Mints a one-use ticket, for a new session without `sessionId`. Throws `FinalTerminalError` for refusals; anything else is tried again. */
  mintTicket: (request: TicketRequest) => Promise<{ ticket: string; sessionId: string }>
  openSocket: (ticket: string) => TerminalSocket
  /** Shows output; calls `parsed` when the emulator has digested it. */
  write: (bytes: Uint8Array, parsed: () => void) => void
  /** Output that the server no longer had: `bytes` are missing before what comes next. */
  onGap: (bytes: number) => void
  onStatus: (status: TerminalStatus) => void
  onSession: (sessionId: string) => void
  sessionId?: string | undefined
  setTimer?: (run: () => void, ms: number) => unknown
  clearTimer?: (timer: unknown) => void
}

/** Waiting times between tries; the last repeats, so a network that is back is used within two seconds. */
export const retryDelaysMs = [100, 300, 700, 1500, 2000] as const
const ackEveryBytes = terminalLowWaterBytes / 4
const maxQueuedInputBytes = 4096

/**
 * One terminal session seen from the browser: it reconnects by itself, asks for output from the byte after the last one it
 * has, acknowledges what the emulator has parsed, and holds a little input while the line is down.
 */
export class TerminalClient {
  private readonly options: TerminalClientOptions
  private socket: TerminalSocket | null = null
  private status: TerminalStatus = { kind: 'closed' }
  private sessionId: string | undefined
  private size = { columns: 80, rows: 24 }
  private received = 0
  private parsed = 0
  private acknowledged = 0
  private attempt = 0
  private timer: unknown = null
  /** Tells an answer of an earlier try from one of the current. */
  private generation = 0
  private queued: Uint8Array[] = []
  private queuedBytes = 0

  constructor(options: TerminalClientOptions) {
    this.options = options
    this.sessionId = options.sessionId
  }

  /** Offset after the last output byte received. */
  get offset(): number {
    return this.received
  }

  open(columns: number, rows: number): void {
    this.size = { columns, rows }
    this.attempt = 0
    void this.connect()
  }

  /** Sends keys, or keeps up to 4 KiB of them while reconnecting. False when they were dropped. */
  input(bytes: Uint8Array): boolean {
    if (this.status.kind === 'ready' && this.socket) {
      this.socket.send(bytes)
      return true
    }
    const reconnecting = this.status.kind === 'connecting' || this.status.kind === 'waiting'
    if (!reconnecting || this.queuedBytes + bytes.length > maxQueuedInputBytes) return false
    this.queued.push(bytes)
    this.queuedBytes += bytes.length
    return true
  }

  resize(columns: number, rows: number): void {
    this.size = { columns, rows }
    if (this.status.kind === 'ready') this.send({ type: 'resize', columns, rows })
  }

  /** The network is said to be back: do not wait for the timer. */
  retryNow(): void {
    if (this.status.kind !== 'waiting') return
    this.attempt = 0
    void this.connect()
  }

  /** The network is said to be gone: a half-open socket would not notice for minutes. */
  drop(reason: string): void {
    if (this.status.kind === 'ready' || this.status.kind === 'connecting') this.lost(reason)
  }

  /** Leaves the session running and stops watching it. */
  close(): void {
    this.detach()
    this.setStatus({ kind: 'closed' })
  }

  private async connect(): Promise<void> {
    this.detach()
    const generation = this.generation
    this.setStatus({ kind: 'connecting' })
    try {
      const { ticket, sessionId } = await this.options.mintTicket({
        ...(this.sessionId ? { sessionId: this.sessionId } : {}),
        ...this.size,
        from: this.received,
      })
      if (generation !== this.generation) return
      // known before the socket is: a try that fails half-way must not make a second shell
      this.adopt(sessionId)
      this.listen(this.options.openSocket(ticket), generation)
    } catch (error) {
      if (generation !== this.generation) return
      const reason = error instanceof Error ? error.message : String(error)
      if (error instanceof FinalTerminalError) this.fail(reason)
      else this.lost(reason)
    }
  }

  private listen(socket: TerminalSocket, generation: number): void {
    const current = () => generation === this.generation
    socket.binaryType = 'arraybuffer'
    socket.onmessage = ({ data }) => {
      if (!current()) return
      if (typeof data === 'string') this.onText(data)
      else if (data instanceof ArrayBuffer) this.onOutput(data)
    }
    socket.onclose = () => {
      if (current()) this.lost('connection closed')
    }
    this.socket = socket
  }

  private onText(text: string): void {
    const message = terminalServerMessageSchema.safeParse(JSON.parse(text))
    if (!message.success) return
    switch (message.data.type) {
      case 'ready':
        this.onReady(message.data.sessionId, message.data.from)
        return
      case 'exit':
        this.detach()
        this.setStatus({ kind: 'exited', exitCode: message.data.exitCode })
        return
      case 'error':
        this.fail(message.data.message)
    }
  }

  private onReady(sessionId: string, from: number): void {
    this.adopt(sessionId)
    if (from > this.received) {
      this.options.onGap(from - this.received)
      this.received = from
      this.parsed = from
    }
    this.acknowledged = from
    this.attempt = 0
    this.setStatus({ kind: 'ready' })
    this.send({ type: 'resize', ...this.size })
    for (const bytes of this.queued) this.socket?.send(bytes)
    this.queued = []
    this.queuedBytes = 0
  }

  private adopt(sessionId: string): void {
    if (this.sessionId === sessionId) return
    this.sessionId = sessionId
    this.options.onSession(sessionId)
  }

  private onOutput(frame: ArrayBuffer): void {
    if (frame.byteLength < 8) return
    const start = Number(new DataView(frame).getBigUint64(0))
    const known = this.received - start
    const bytes = new Uint8Array(frame, 8)
    if (known >= bytes.length && known > 0) return
    if (known < 0) this.options.onGap(-known)
    const fresh = known > 0 ? bytes.subarray(known) : bytes
    this.received = start + bytes.length
    const end = this.received
    this.options.write(fresh, () => {
      this.parsed = Math.max(this.parsed, end)
      this.acknowledge()
    })
  }

  private acknowledge(): void {
    if (this.status.kind !== 'ready' || this.parsed - this.acknowledged < ackEveryBytes) return
    this.acknowledged = this.parsed
    this.send({ type: 'ack', offset: this.parsed })
  }

  private send(message: TerminalClientMessage): void {
    this.socket?.send(JSON.stringify(message))
  }

  private lost(reason: string): void {
    this.detach()
    const delayMs = retryDelaysMs[Math.min(this.attempt, retryDelaysMs.length - 1)] as number
    this.attempt++
    this.setStatus({ kind: 'waiting', attempt: this.attempt, delayMs, reason })
    const setTimer = this.options.setTimer ?? ((run: () => void, ms: number) => setTimeout(run, ms))
    this.timer = setTimer(() => {
      this.timer = null
      void this.connect()
    }, delayMs)
  }

  private fail(reason: string): void {
    this.detach()
    this.setStatus({ kind: 'failed', reason })
  }

  private detach(): void {
    this.generation++
    if (this.timer !== null) (this.options.clearTimer ?? ((timer: unknown) => clearTimeout(timer as never)))(this.timer)
    this.timer = null
    const socket = this.socket
    this.socket = null
    if (!socket) return
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }

  private setStatus(status: TerminalStatus): void {
    this.status = status
    this.options.onStatus(status)
  }
}
