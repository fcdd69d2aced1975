import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { type AgentClient, type AgentHandlers, GantryError, wireErrorSchema } from '@gantry/contracts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAgentClient } from './client.ts'
import { FrameReader, encodeFrame, encodeText, frameTypes, headerBytes, maxRequestBytes, windowBytes } from './frame.ts'
import { type AgentServer, serve } from './server.ts'

let dir: string
let path: string
let server: AgentServer | undefined
let client: AgentClient

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-rpc-'))
  path = join(dir, 'agent.sock')
  client = createAgentClient(path)
})
afterEach(async () => {
  client.close()
  await server?.close()
  server = undefined
  rmSync(dir, { recursive: true })
})

/** A server that offers just these methods; the wire is under test, not the engine. */
async function offer(handlers: Partial<AgentHandlers>, onInternalError?: (error: unknown) => void) {
  server = await serve(handlers as AgentHandlers, path, { onInternalError })
}
const project = { id: 'p1', resources: {}, idBase: 7 }

test('a call gives the output and fills in defaults', async () => {
  const seen: unknown[] = []
  await offer({
    'project.remove': async (input) => {
      seen.push(input)
      return {}
    },
  })
  expect(await client.call('project.remove', { id: 'p1' })).toEqual({})
  expect(seen).toEqual([{ id: 'p1', force: false }])
})

test('errors cross with code, message and detail', async () => {
  await offer({
    'project.list': async () => {
      throw new GantryError('no_space', 'disk full', { limit: '1 GiB' })
    },
  })
  await expect(client.call('project.list', {})).rejects.toMatchObject({
    code: 'no_space',
    message: 'disk full',
    detail: { limit: '1 GiB' },
  })
})

test('an unknown failure is internal, hidden, and reported once', async () => {
  const reported: unknown[] = []
  await offer(
    {
      'project.list': async () => {
        throw new TypeError('secret path')
      },
    },
    (error) => reported.push(error),
  )
  const error = await client.call('project.list', {}).catch((e) => e)
  expect(error.code).toBe('internal')
  expect(error.message).not.toContain('secret')
  expect(reported).toHaveLength(1)
})

test('a full disk is said in words, whichever write met it', async () => {
  await offer({
    'project.list': async () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    },
  })
  await expect(client.call('project.list', {})).rejects.toMatchObject({ code: 'no_space', detail: { errno: 'ENOSPC' } })
})

test('bad input names the field; unknown fields and methods are refused', async () => {
  await offer({ 'project.remove': async () => ({}) })
  await expect(client.call('project.remove', { id: 'Bad Name' })).rejects.toMatchObject({ code: 'invalid_input', detail: { field: 'id' } })
  await expect(client.call('project.remove', { id: 'p', evil: 1 } as never)).rejects.toMatchObject({ code: 'invalid_input' })
  await expect(client.call('no.such' as never, {} as never)).rejects.toMatchObject({ code: 'unsupported' })
  await expect(client.call('toString' as never, {} as never)).rejects.toMatchObject({ code: 'unsupported' })
  await expect(client.call('project.list', {})).rejects.toMatchObject({ code: 'unsupported' })
})

test('an oversize request is refused on the client and by the server', async () => {
  await offer({ 'project.list': async () => [project] })
  const huge = 'x'.repeat(maxRequestBytes)
  await expect(client.call('project.remove', { id: huge })).rejects.toMatchObject({ code: 'invalid_input' })
  const header = Buffer.alloc(9)
  header.writeUInt32BE(0xffff_ffff, 0)
  expect(await hangup(header)).toMatchObject({ code: 'invalid_input' })
  expect(await client.call('project.list', {})).toEqual([project])
})

test('garbage, short frames and reused ids end the connection, not the server', async () => {
  await offer({ 'project.list': () => new Promise(() => {}), 'system.doctor': async () => [] })
  expect(await hangup(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))).toMatchObject({ code: 'invalid_input' })
  expect(await hangup(Buffer.from([0, 0, 0, 1, 9]))).toMatchObject({ code: 'invalid_input' })
  const open = encodeText(frameTypes.open, 5, JSON.stringify({ method: 'project.list', input: {} }))
  expect(await hangup(Buffer.concat([open, open]))).toMatchObject({ code: 'invalid_input' })
  expect(await hangup(Buffer.concat([open, encodeFrame(99 as never, 5)]))).toMatchObject({ code: 'invalid_input' })
  expect(await client.call('system.doctor', {})).toEqual([])
})

test('requests that are not what they should be are answered, and the connection lives on', async () => {
  await offer({ 'system.doctor': async () => [] })
  const open = (text: string, id: number) => encodeText(frameTypes.open, id, text)
  const answers = await exchange(
    Buffer.concat([
      open('nonsense', 1),
      open('null', 2),
      open('{"method":7}', 3),
      open('{"method":"system.doctor","input":{},"timeoutMs":-1}', 4),
      open('{"method":"system.doctor","input":{},"timeoutMs":1e300}', 5),
      open('{"method":"system.doctor","input":[[[[1e999]]]]}', 6),
    ]),
    6,
  )
  expect(answers.filter((a) => a.type === frameTypes.error).map((a) => a.id)).toEqual([1, 2, 3, 4, 6])
})

test('a frame may arrive byte by byte', async () => {
  await offer({ 'system.doctor': async () => [] })
  const frame = encodeText(frameTypes.open, 1, JSON.stringify({ method: 'system.doctor', input: {} }))
  const frames: number[] = []
  const reader = new FrameReader(maxRequestBytes, (type, _id, payload) => frames.push(type, payload.length))
  for (const byte of Buffer.concat([frame, frame])) reader.push(Buffer.from([byte]))
  expect(frames).toEqual([frameTypes.open, frame.length - 9, frameTypes.open, frame.length - 9])
})

test('1,000 concurrent calls get their own answers', async () => {
  await offer({
    'project.apply': async (input) => {
      await new Promise((resolve) => setImmediate(resolve))
      return { id: input.id, idBase: Number(input.id.slice(1)) }
    },
  })
  const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.call('project.apply', { id: `p${i}` })))
  expect(answers.map((a) => a.idBase)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
})

test('cancelling, a deadline and a lost client all abort the handler', async () => {
  const reasons: unknown[] = []
  let entered = 0
  const wakeups: (() => void)[] = []
  const settled = (count: number) => expect.poll(() => reasons.length).toBe(count)
  await offer({
    'project.list': (_input, signal) => {
      entered++
      for (const wake of wakeups.splice(0)) wake()
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason)
          reject(signal.reason)
        }),
      )
    },
  })
  const inside = () => new Promise<void>((resolve) => wakeups.push(resolve))
  const abort = new AbortController()
  let started = inside()
  const call = client.call('project.list', {}, { signal: abort.signal })
  await started
  abort.abort()
  await expect(call).rejects.toMatchObject({ code: 'cancelled' })
  await settled(1)
  await expect(client.call('project.list', {}, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout' })
  await settled(2)
  started = inside()
  const lost = client.call('project.list', {})
  await started
  client.close()
  await expect(lost).rejects.toMatchObject({ code: 'unavailable' })
  await settled(3)
  expect(entered).toBe(3)
})

test('a client that is cut off reports unavailable and connects again', async () => {
  await expect(client.call('system.doctor', {})).rejects.toMatchObject({ code: 'unavailable', message: `no agent is running at ${path}` })
  await offer({ 'system.doctor': async () => [], 'project.list': () => new Promise(() => {}) })
  expect(await client.call('system.doctor', {})).toEqual([])
  const open = client.call('project.list', {})
  await server?.close()
  await expect(open).rejects.toMatchObject({ code: 'unavailable' })
  await offer({ 'system.doctor': async () => [] })
  expect(await client.call('system.doctor', {})).toEqual([])
})

test('a second server on the same path is refused, a dead socket file is replaced', async () => {
  await offer({ 'system.doctor': async () => [] })
  await expect(serve({} as AgentHandlers, path)).rejects.toMatchObject({ code: 'already_exists' })
})

test('a stream ends, fails, and stops its producer when the reader leaves or is slow', async () => {
  let produced = 0
  let finished = 0
  await offer({
    'container.logs': async function* (input) {
      try {
        if (input.container === 'bad') throw new GantryError('not_found', 'no such container: bad')
        const count = input.container === 'short' ? 3 : Number.POSITIVE_INFINITY
        for (let i = 0; i < count; i++) {
          produced++
          yield { lines: [{ stream: 'stdout' as const, time: '', text: 'x'.repeat(1000), partial: false }] }
        }
      } finally {
        finished++
      }
    },
  })
  let seen = 0
  for await (const item of client.stream('container.logs', { projectId: 'p', container: 'short' })) seen += item.lines.length
  expect(seen).toBe(3)
  await expect(async () => {
    for await (const _ of client.stream('container.logs', { projectId: 'p', container: 'bad' })) seen++
  }).rejects.toMatchObject({ code: 'not_found' })
  produced = 0
  for await (const _ of client.stream('container.logs', { projectId: 'p', container: 'endless' })) {
    if (++seen === 1000) break
  }
  await expect.poll(() => finished).toBe(3)
  // Never more than a window ahead of the reader.
  expect(produced).toBeLessThan(1000 + 600)
})

test('a duplex carries bytes both ways, half-closes, and holds back a writer nobody reads', async () => {
  await offer({
    'exec.start': async (input, channel) => {
      if (input.id === 'silent') return { exitCode: 1 }
      let total = 0
      for await (const bytes of channel.incoming) {
        total += bytes.length
        await channel.write(bytes)
      }
      channel.end()
      return { exitCode: total }
    },
  })
  const { channel, result } = client.duplex('exec.start', { projectId: 'p', id: 'echo' })
  const payload = Buffer.alloc(3_000_000, 7)
  const sending = channel.write(payload).then(() => channel.end())
  let received = 0
  for await (const bytes of channel.incoming) received += bytes.length
  await sending
  expect(received).toBe(payload.length)
  expect(await result).toEqual({ exitCode: payload.length })
  const silent = client.duplex('exec.start', { projectId: 'p', id: 'silent' })
  await expect(silent.channel.write(payload)).rejects.toMatchObject({ code: 'wrong_state' })
  expect(await silent.result).toEqual({ exitCode: 1 })
})

test('bulk bytes come raw through a connection of their own that the agent has not read from', async () => {
  await offer({
    'image.load': async (_input, channel) => {
      const socket = await channel.bulk
      // The client has begun to send long since.
      await new Promise((resolve) => setTimeout(resolve, 50))
      if (socket?.bytesRead !== headerBytes + 16) throw new Error('read before its time')
      await channel.write(Buffer.from('go on'))
      let total = 0
      for await (const bytes of channel.incoming) total += bytes.length
      for await (const chunk of socket as AsyncIterable<Buffer>) total += chunk.length
      channel.end()
      return { references: [String(total)], ids: [] }
    },
  })
  const { channel, result } = client.duplex('image.load', { projectId: 'p' }, { bulk: true })
  const socket = await channel.bulk
  for (let i = 0; i < 20; i++) socket?.write(Buffer.alloc(300_000, i))
  socket?.end()
  await channel.write(Buffer.from('beside'))
  channel.end()
  let said = ''
  for await (const bytes of channel.incoming) said += Buffer.from(bytes).toString()
  expect(said).toBe('go on')
  expect(await result).toEqual({ references: ['6000006'], ids: [] })
  await expect.poll(() => server?.connections).toBe(1)
})

test('a bulk request that is refused or cancelled leaves no connection; a made-up ticket gets none', async () => {
  await offer({
    'image.load': async (_input, channel, signal) => {
      await channel.bulk
      if (!signal.aborted) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      throw signal.reason
    },
    'system.doctor': async () => [],
  })
  const refused = client.duplex('image.load', { projectId: 'Bad Name' }, { bulk: true })
  await expect(refused.result).rejects.toMatchObject({ code: 'invalid_input' })
  await expect(refused.channel.bulk).rejects.toMatchObject({ code: 'invalid_input' })
  const abort = new AbortController()
  const cancelled = client.duplex('image.load', { projectId: 'p' }, { bulk: true, signal: abort.signal })
  await cancelled.channel.bulk
  abort.abort()
  await expect(cancelled.result).rejects.toMatchObject({ code: 'cancelled' })
  await expect.poll(() => server?.connections).toBe(1)
  expect(await exchange(encodeFrame(frameTypes.redeem, 0, Buffer.alloc(16)), 1)).toEqual([])
  expect(await client.call('system.doctor', {})).toEqual([])
})

test('whoever waits for room to write learns that the request was cancelled', async () => {
  let full: () => void = () => {}
  const waits = new Promise<void>((resolve) => {
    full = resolve
  })
  const ended: unknown[] = []
  await offer({
    'exec.start': async (_input, channel) => {
      try {
        for (let written = 0; ; written += 65_536) {
          if (written >= windowBytes) full()
          await channel.write(Buffer.alloc(65_536))
        }
      } catch (error) {
        ended.push(error)
        throw error
      }
    },
  })
  const abort = new AbortController()
  const { result } = client.duplex('exec.start', { projectId: 'p', id: 'x' }, { signal: abort.signal })
  await waits
  abort.abort()
  await expect(result).rejects.toMatchObject({ code: 'cancelled' })
  await expect.poll(() => ended).toMatchObject([{ code: 'cancelled' }])
})

test('a client that sends more than it was granted is cut off', async () => {
  await offer({ 'exec.start': () => new Promise(() => {}) })
  const open = encodeText(frameTypes.open, 1, JSON.stringify({ method: 'exec.start', input: { projectId: 'p', id: 'x' } }))
  const flood = Array.from({ length: windowBytes / 65_536 + 2 }, () => encodeFrame(frameTypes.data, 1, Buffer.alloc(65_536)))
  expect(await hangup(Buffer.concat([open, ...flood]))).toMatchObject({ code: 'invalid_input', message: 'more bytes than were granted' })
})

interface Answer {
  type: number
  id: number
  payload: Buffer
}

/** Sends raw bytes and gives the first `count` frames that come back. */
function exchange(bytes: Buffer, count: number): Promise<Answer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const answers: Answer[] = []
    const reader = new FrameReader(maxRequestBytes, (type, id, payload) => {
      answers.push({ type, id, payload: Buffer.from(payload) })
      if (answers.length === count) {
        socket.destroy()
        resolve(answers)
      }
    })
    socket.on('data', (chunk) => reader.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(answers))
    socket.write(bytes)
  })
}

/** Sends raw bytes, waits until the server hangs up, and gives the reason it sent. */
function hangup(bytes: Buffer): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let reason: unknown
    const reader = new FrameReader(maxRequestBytes, (type, id, payload) => {
      if (type === frameTypes.error && id === 0) reason = wireErrorSchema.parse(JSON.parse(payload.toString()))
    })
    socket.on('data', (chunk) => reader.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(reason))
    socket.write(bytes)
  })
}
