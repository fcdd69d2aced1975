import { once } from 'node:events'
import { terminalHighWaterBytes } from '@gantry/contracts'
import { BytePipe } from '@gantry/core/testing'
import { expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { type TestGateway, testGateway } from '../testing/test-gateway.ts'

const offset = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

/** A shell behind the agent, and a ticket for it. */
async function withShell(gateway: TestGateway, from = 0) {
  const { test } = gateway
  const bob = await test.user('bob@example.org')
  await test.project('shop', {}, { [bob.user.id]: 'developer' })
  const { id } = test.agent.makeContainer('shop')
  const pipe = new BytePipe()
  let exit: (exitCode: number) => void = () => undefined
  const result = new Promise<{ exitCode: number }>((resolve) => {
    exit = (exitCode) => resolve({ exitCode })
  })
  test.agent.duplexes['exec.attach'] = (input) => {
    test.agent.calls.push({ method: 'exec.attach', input })
    return { channel: pipe.channel, result }
  }
  test.agent.answers['exec.resize'] = () => ({})
  const cookie = await gateway.cookieOf(bob.user.id)
  const answer = await gateway.mutate('terminal.ticket', { projectId: 'shop', container: id, columns: 80, rows: 24, from }, cookie)
  const { result: ticket } = (await answer.json()) as { result: { data: { ticket: string; sessionId: string } } }
  return {
    bob,
    pipe,
    ticket: ticket.data.ticket,
    sessionId: ticket.data.sessionId,
    exit(code: number) {
      pipe.end()
      exit(code)
    },
    id,
    cookie,
  }
}

/** Collects what a socket receives; `next` waits for a message, `bytes` for so much output. */
function listenTo(socket: WebSocket) {
  const messages: unknown[] = []
  let received = 0
  const frames: Buffer[] = []
  const wakers: (() => void)[] = []
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) {
      frames.push(data)
      received += data.length - 8
    } else messages.push(JSON.parse(data.toString()))
    for (const wake of wakers.splice(0)) wake()
  })
  socket.on('close', () => {
    for (const wake of wakers.splice(0)) wake()
  })
  const until = async (test: () => boolean) => {
    while (!test()) await new Promise<void>((resolve) => wakers.push(resolve))
  }
  return {
    frames,
    messages,
    received: () => received,
    message: async (index: number) => {
      await until(() => messages.length > index)
      return messages[index]
    },
    bytes: (count: number) => until(() => received >= count),
  }
}

it('carries keystrokes in and output out, with offsets, resize and exit', async () => {
  await using gateway = await testGateway()
  const { ticket, sessionId, pipe, exit } = await withShell(gateway)
  const socket = gateway.socket(ticket)
  const heard = listenTo(socket)
  // The offset may come in pieces and with output behind it.
  void pipe.push(offset(1000).subarray(0, 3))
  void pipe.push(Buffer.concat([offset(1000).subarray(3), Buffer.from('$ ')]))
  expect(await heard.message(0)).toEqual({ type: 'ready', sessionId, from: 1000 })
  await heard.bytes(2)
  expect(heard.frames[0]).toEqual(Buffer.concat([offset(1000), Buffer.from('$ ')]))
  socket.send(Buffer.from('ls\n'))
  expect(await pipe.until((text) => text.length >= 3)).toBe('ls\n')
  socket.send(JSON.stringify({ type: 'resize', columns: 120, rows: 40 }))
  void pipe.push(Buffer.from('file\n'))
  await heard.bytes(7)
  expect(heard.frames[1]).toEqual(Buffer.concat([offset(1002), Buffer.from('file\n')]))
  expect(gateway.test.agent.asked('exec.resize')).toEqual([{ projectId: 'shop', id: sessionId, columns: 120, rows: 40 }])
  const closed = once(socket, 'close')
  exit(3)
  expect(await heard.message(1)).toEqual({ type: 'exit', exitCode: 3 })
  expect((await closed)[0]).toBe(1000)
})

it('stops reading the shell when the browser does not keep up, and loses nothing', async () => {
  await using gateway = await testGateway()
  const { ticket, pipe } = await withShell(gateway)
  const socket = gateway.socket(ticket)
  const heard = listenTo(socket)
  void pipe.push(offset(0))
  await heard.message(0)
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const chunks = 64
  let taken = 0
  const pushed = Array.from({ length: chunks }, () => pipe.push(chunk).then(() => (taken += 1)))
  await heard.bytes(terminalHighWaterBytes)
  // What is under way when the mark is passed, and not a chunk more.
  expect(heard.received()).toBeLessThanOrEqual(terminalHighWaterBytes + 2 * chunk.length)
  expect(taken).toBeLessThanOrEqual(terminalHighWaterBytes / chunk.length + 3)
  socket.on('message', (_data, isBinary) => isBinary && socket.send(JSON.stringify({ type: 'ack', offset: heard.received() })))
  socket.send(JSON.stringify({ type: 'ack', offset: heard.received() }))
  await Promise.all(pushed)
  await heard.bytes(chunks * chunk.length)
  expect(Math.max(...heard.frames.map(({ length }) => length))).toBeLessThanOrEqual(64 * 1024)
  heard.frames.reduce((expected, frame) => {
    expect(Number(frame.readBigUInt64BE())).toBe(expected)
    return expected + frame.length - 8
  }, 0)
  socket.terminate()
})

it('lets a ticket in once, and no other origin at all', async () => {
  await using gateway = await testGateway()
  const { ticket, pipe } = await withShell(gateway)
  const foreign = gateway.socket(ticket, 'http://evil.example')
  const [refused] = await once(foreign, 'error')
  expect(String(refused)).toContain('403')
  const socket = gateway.socket(ticket)
  const heard = listenTo(socket)
  void pipe.push(offset(0))
  await heard.message(0)
  const second = gateway.socket(ticket)
  const again = listenTo(second)
  const closed = once(second, 'close')
  expect(await again.message(0)).toEqual({ type: 'error', message: 'the terminal ticket is unknown, used or too old' })
  expect((await closed)[0]).toBe(4001)
  socket.terminate()
})

it('reattaches at the byte that was asked for, to the own terminal only', async () => {
  await using gateway = await testGateway()
  const { test } = gateway
  const { sessionId, id, cookie } = await withShell(gateway)
  const again = (who: string) =>
    gateway.mutate('terminal.ticket', { projectId: 'shop', container: id, columns: 80, rows: 24, sessionId, from: 4242 }, who)
  const ticket = ((await (await again(cookie)).json()) as { result: { data: { ticket: string } } }).result.data.ticket
  const socket = gateway.socket(ticket)
  await once(socket, 'open')
  expect(test.agent.calls.findLast(({ method }) => method === 'exec.attach')?.input).toMatchObject({ id: sessionId, from: 4242 })
  const eve = await test.user('eve@example.org')
  await test.backend.db.transaction((tx) => tx.membership.create({ data: { projectId: 'shop', userId: eve.user.id, role: 'admin' } }))
  expect((await again(await gateway.cookieOf(eve.user.id))).status).toBe(404)
  socket.terminate()
})

it('closes when the role is taken away or the session ends', async () => {
  await using gateway = await testGateway()
  const { test } = gateway
  const { ticket, pipe, bob } = await withShell(gateway)
  const socket = gateway.socket(ticket)
  const heard = listenTo(socket)
  void pipe.push(offset(0))
  await heard.message(0)
  const closed = once(socket, 'close')
  await test.backend.db.transaction((tx) => tx.membership.updateMany({ data: { role: 'viewer' } }))
  test.backend.access.changed(bob.user.id)
  expect(await heard.message(1)).toMatchObject({ type: 'error', message: expect.stringContaining('role viewer') })
  expect((await closed)[0]).toBe(4001)
})

it('refuses frames above 64 KiB and words it does not know', async () => {
  await using gateway = await testGateway()
  const { ticket, pipe } = await withShell(gateway)
  const socket = gateway.socket(ticket)
  void pipe.push(offset(0))
  await once(socket, 'message')
  socket.on('error', () => undefined)
  const closed = once(socket, 'close')
  socket.send(Buffer.alloc(64 * 1024 + 1))
  expect((await closed)[0]).toBe(1009)
})
