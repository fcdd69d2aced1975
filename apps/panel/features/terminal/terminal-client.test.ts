import { describe, expect, it } from 'vitest'
import {
  FinalTerminalError,
  retryDelaysMs,
  TerminalClient,
  type TerminalSocket,
  type TerminalStatus,
  type TicketRequest,
} from './terminal-client.ts'

class Line implements TerminalSocket {
  binaryType = 'blob'
  readyState = 1
  onopen = null
  onmessage: TerminalSocket['onmessage'] = null
  onclose: TerminalSocket['onclose'] = null
  onerror = null
  readonly sent: (string | Uint8Array)[] = []
  closed = false
  send(data: string | Uint8Array) {
    this.sent.push(data)
  }
  close() {
    this.closed = true
  }
  says(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
  output(offset: number, text: string | Uint8Array) {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    const frame = new Uint8Array(8 + bytes.length)
    new DataView(frame.buffer).setBigUint64(0, BigInt(offset))
    frame.set(bytes, 8)
    this.onmessage?.({ data: frame.buffer })
  }
  breaks() {
    this.onclose?.(undefined as never)
  }
  get messages() {
    return this.sent.filter((data) => typeof data === 'string').map((text) => JSON.parse(text) as { type: string; offset?: number })
  }
}

function setUp(options: { refuse?: Error; sessionId?: string } = {}) {
  const seen = {
    lines: [] as Line[],
    tickets: [] as TicketRequest[],
    statuses: [] as TerminalStatus[],
    gaps: [] as number[],
    shown: '',
    sessions: [] as string[],
  }
  const parsers: (() => void)[] = []
  const timers: { run: () => void; ms: number }[] = []
  let refuse = options.refuse
  const client = new TerminalClient({
    mintTicket: async (request) => {
      seen.tickets.push(request)
      if (refuse) throw refuse
      return { ticket: 'ticket', sessionId: request.sessionId ?? 's1' }
    },
    openSocket: () => {
      const line = new Line()
      seen.lines.push(line)
      return line
    },
    write: (bytes, parsed) => {
      seen.shown += new TextDecoder().decode(bytes)
      parsers.push(parsed)
    },
    onGap: (bytes) => seen.gaps.push(bytes),
    onStatus: (status) => seen.statuses.push(status),
    onSession: (id) => seen.sessions.push(id),
    sessionId: options.sessionId,
    setTimer: (run, ms) => timers.push({ run, ms }),
    clearTimer: () => {},
  })
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    client,
    seen,
    parsers,
    timers,
    settle,
    accept: () => {
      refuse = undefined
    },
    line: () => seen.lines.at(-1) as Line,
    status: () => seen.statuses.at(-1) as TerminalStatus,
    async connected(from = 0) {
      client.open(100, 30)
      await settle()
      ;(seen.lines.at(-1) as Line).says({ type: 'ready', sessionId: 's1', from })
    },
  }
}

describe('TerminalClient', () => {
  it('opens with its size, shows output and passes keys on', async () => {
    const t = setUp()
    await t.connected()
    expect(t.seen.tickets).toEqual([{ columns: 100, rows: 30, from: 0 }])
    expect(t.line().binaryType).toBe('arraybuffer')
    expect(t.seen.sessions).toEqual(['s1'])
    t.line().output(0, 'hello')
    expect(t.seen.shown).toBe('hello')
    expect(t.client.offset).toBe(5)
    expect(t.client.input(new Uint8Array([97]))).toBe(true)
    expect(t.line().sent.at(-1)).toEqual(new Uint8Array([97]))
  })

  it('reattaches after a loss from the byte after the last one, and shows no byte twice', async () => {
    const t = setUp()
    await t.connected()
    t.line().output(0, 'hello')
    t.line().breaks()
    expect(t.status()).toMatchObject({ kind: 'waiting', attempt: 1, delayMs: 100 })
    t.timers.at(-1)?.run()
    await t.settle()
    expect(t.seen.tickets.at(-1)).toEqual({ sessionId: 's1', columns: 100, rows: 30, from: 5 })
    t.line().says({ type: 'ready', sessionId: 's1', from: 3 })
    t.line().output(3, 'lo wor')
    t.line().output(9, 'ld')
    t.line().output(0, 'hello')
    expect(t.seen.shown).toBe('hello world')
    expect(t.seen.gaps).toEqual([])
  })

  it('says how much is missing when the server has dropped output', async () => {
    const t = setUp({ sessionId: 'old' })
    await t.connected(1000)
    expect(t.seen.tickets[0]?.sessionId).toBe('old')
    expect(t.seen.gaps).toEqual([1000])
    t.line().output(1000, 'x')
    expect(t.client.offset).toBe(1001)
  })

  it('acknowledges what was parsed, not what was received, and not every byte', async () => {
    const t = setUp()
    await t.connected()
    t.line().output(0, new Uint8Array(40_000))
    t.line().output(40_000, new Uint8Array(10_000))
    const acks = () => t.line().messages.filter((message) => message.type === 'ack')
    expect(acks()).toEqual([])
    t.parsers[0]?.()
    expect(acks()).toEqual([{ type: 'ack', offset: 40_000 }])
    t.parsers[1]?.()
    expect(acks()).toHaveLength(1)
  })

  it('backs off to two seconds, starts over on "online", and keeps a little input meanwhile', async () => {
    const t = setUp()
    await t.connected()
    t.line().breaks()
    for (const ms of [...retryDelaysMs, 2000]) {
      expect(t.timers.at(-1)?.ms).toBe(ms)
      t.timers.at(-1)?.run()
      await t.settle()
      t.line().breaks()
    }
    expect(t.client.input(new TextEncoder().encode('ls\r'))).toBe(true)
    expect(t.client.input(new Uint8Array(5000))).toBe(false)
    t.client.retryNow()
    await t.settle()
    t.line().says({ type: 'ready', sessionId: 's1', from: 0 })
    expect(t.line().sent.at(-1)).toEqual(new TextEncoder().encode('ls\r'))
    t.line().breaks()
    expect(t.timers.at(-1)?.ms).toBe(100)
  })

  it('tries again when a ticket cannot be had, and gives up when it is refused', async () => {
    const t = setUp({ refuse: new Error('fetch failed') })
    t.client.open(80, 24)
    await t.settle()
    expect(t.status()).toMatchObject({ kind: 'waiting', reason: 'fetch failed' })
    t.accept()
    t.timers.at(-1)?.run()
    await t.settle()
    expect(t.seen.lines).toHaveLength(1)

    const refused = setUp({ refuse: new FinalTerminalError('container web is not running') })
    refused.client.open(80, 24)
    await refused.settle()
    expect(refused.status()).toEqual({ kind: 'failed', reason: 'container web is not running' })
    expect(refused.timers).toEqual([])
  })

  it('does not make a second shell when the first socket fails before it is ready', async () => {
    const t = setUp()
    t.client.open(80, 24)
    await t.settle()
    t.line().breaks()
    t.timers.at(-1)?.run()
    await t.settle()
    expect(t.seen.tickets.map((ticket) => ticket.sessionId)).toEqual([undefined, 's1'])
  })

  it('ends with the shell, and a late close does not reconnect', async () => {
    const t = setUp()
    await t.connected()
    const line = t.line()
    line.says({ type: 'exit', exitCode: 3 })
    line.breaks()
    expect(t.status()).toEqual({ kind: 'exited', exitCode: 3 })
    expect(t.timers).toEqual([])
    expect(line.closed).toBe(true)
  })

  it('does not open a socket for a ticket that arrives after closing', async () => {
    const t = setUp()
    t.client.open(80, 24)
    t.client.close()
    await t.settle()
    expect(t.seen.lines).toEqual([])
    expect(t.status()).toEqual({ kind: 'closed' })
  })

  it('drops a half-open line when the network goes', async () => {
    const t = setUp()
    await t.connected()
    t.client.drop('offline')
    expect(t.line().closed).toBe(true)
    expect(t.status()).toMatchObject({ kind: 'waiting', reason: 'offline' })
  })
})
