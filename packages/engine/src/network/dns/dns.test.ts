import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { decode, encode } from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { Zone } from '../zone.ts'
import { decide, rcode, respond } from './answer.ts'
import { forward } from './forward.ts'
import { RateLimit } from './rate-limit.ts'

const zone = new Zone()
zone.add({ containerId: 'web', networkId: 'net', names: ['web'], addresses: ['10.0.0.2', 'fd00::2'] })
zone.add({ containerId: 'me', networkId: 'net', names: ['me'], addresses: ['10.0.0.3'] })
const me = { containerId: 'me', networkIds: new Set(['net']) }
const ask = (name: string, type: 'A' | 'AAAA' | 'PTR' | 'MX' | 'TXT') =>
  decide({ name, type, class: 'IN' }, me, zone, (address) => address.startsWith('10.0.0.'))

describe('decide', () => {
  it('answers names with addresses of the asked family', () => {
    expect(ask('web', 'A')).toMatchObject({ kind: 'answer', rcode: rcode.noError, answers: [{ type: 'A', data: '10.0.0.2' }] })
    expect(ask('WEB', 'AAAA')).toMatchObject({ answers: [{ type: 'AAAA', data: 'fd00::2' }] })
    expect(ask('me', 'AAAA')).toMatchObject({ kind: 'answer', rcode: rcode.noError, answers: [] })
    expect(ask('web', 'MX')).toMatchObject({ kind: 'answer', rcode: rcode.noError, answers: [] })
  })
  it('keeps unknown single labels here and forwards the rest', () => {
    expect(ask('nobody', 'A')).toMatchObject({ kind: 'answer', rcode: rcode.nameError })
    expect(ask('example.org', 'A')).toEqual({ kind: 'forward' })
  })
  it('names our addresses and never forwards questions about them', () => {
    expect(ask('2.0.0.10.in-addr.arpa', 'PTR')).toMatchObject({ answers: [{ type: 'PTR', data: 'web' }] })
    expect(ask('9.0.0.10.in-addr.arpa', 'PTR')).toMatchObject({ kind: 'answer', rcode: rcode.nameError })
    expect(ask('1.1.1.1.in-addr.arpa', 'PTR')).toEqual({ kind: 'forward' })
  })
})

describe('respond', () => {
  const many = Array.from({ length: 60 }, (_, i) => ({ name: 'web', type: 'A' as const, ttl: 5, data: `10.0.0.${i}` }))
  const query = (additionals: object[] = []) =>
    decode(encode({ type: 'query', id: 7, flags: 256, questions: [{ name: 'web', type: 'A' }], additionals: additionals as never }))
  it('cuts what does not fit into a datagram, not what goes over TCP', () => {
    const cut = decode(respond(query(), 0, many, 'udp'))
    expect(cut.flag_tc).toBe(true)
    expect(cut.answers).toHaveLength(0)
    expect(decode(respond(query(), 0, many, 'tcp')).answers).toHaveLength(60)
  })
  it('uses the room that EDNS offers', () => {
    const edns = [{ type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] }]
    expect(decode(respond(query(edns), 0, many, 'udp')).answers).toHaveLength(60)
  })
  it('repeats id and question', () => {
    const answer = decode(respond(query(), rcode.nameError, [], 'udp'))
    expect(answer).toMatchObject({ id: 7, type: 'response', rcode: 'NXDOMAIN', questions: [{ name: 'web', type: 'A' }] })
  })
})

describe('forward', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })
  const answerTo = (asked: Buffer, change: (answer: Buffer) => void = () => {}) => {
    const { id, questions } = decode(asked)
    const answer = encode({ type: 'response', id, questions, answers: [{ name: 'example.org', type: 'A', ttl: 1, data: '192.0.2.7' }] })
    change(answer)
    return answer
  }
  const udpServer = (reply: (asked: Buffer) => Buffer[]): Promise<string> =>
    new Promise((resolve) => {
      const socket = createSocket('udp4')
      closers.push(() => socket.close())
      socket.on('message', (asked, peer) => {
        for (const answer of reply(asked)) socket.send(answer, peer.port, peer.address)
      })
      socket.bind(0, '127.0.0.1', () => resolve(`127.0.0.1:${socket.address().port}`))
    })
  const query = encode({ type: 'query', id: 4711, flags: 256, questions: [{ name: 'example.org', type: 'A' }] })
  const go = (servers: string[], transport: 'udp' | 'tcp' = 'udp') => forward(query, servers, transport, new AbortController().signal)

  it('gives the answer back under the id of the question', async () => {
    const ids: number[] = []
    const server = await udpServer((asked) => {
      ids.push(asked.readUInt16BE(0))
      return [answerTo(asked)]
    })
    for (let i = 0; i < 4; i++)
      expect(decode((await go([server])) ?? Buffer.alloc(0))).toMatchObject({ id: 4711, answers: [{ data: '192.0.2.7' }] })
    expect(new Set([...ids, 4711]).size).toBeGreaterThan(2)
  })
  it('ignores answers with a wrong id or question', async () => {
    const server = await udpServer((asked) => {
      const wrongId = answerTo(asked, (answer) => answer.writeUInt16BE((answer.readUInt16BE(0) + 1) & 0xffff, 0))
      const wrongName = encode({ type: 'response', id: asked.readUInt16BE(0), questions: [{ name: 'evil.org', type: 'A' }] })
      return [wrongId, wrongName, answerTo(asked)]
    })
    expect(decode((await go([server])) ?? Buffer.alloc(0)).answers).toMatchObject([{ data: '192.0.2.7' }])
  })
  it('asks the next server when nobody listens at one', async () => {
    const dead = createSocket('udp4')
    const deadPort = await new Promise<number>((resolve) => dead.bind(0, '127.0.0.1', () => resolve(dead.address().port)))
    await new Promise<void>((resolve) => dead.close(() => resolve()))
    const server = await udpServer((asked) => [answerTo(asked)])
    expect(await go([`127.0.0.1:${deadPort}`, server])).not.toBeNull()
    expect(await go([`127.0.0.1:${deadPort}`])).toBeNull()
  })
  it('speaks TCP', async () => {
    const server = createServer((socket) => {
      socket.once('data', (data) => {
        const answer = answerTo(data.subarray(2))
        const frame = Buffer.alloc(2)
        frame.writeUInt16BE(answer.length)
        socket.write(frame)
        socket.end(answer)
      })
    })
    closers.push(() => server.close())
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    )
    expect(decode((await go([`127.0.0.1:${port}`], 'tcp')) ?? Buffer.alloc(0)).answers).toMatchObject([{ data: '192.0.2.7' }])
  })
})

describe('RateLimit', () => {
  it('admits a burst, then the rate', () => {
    const limit = new RateLimit(10)
    const admitted = (count: number, atMs: number) => Array.from({ length: count }, () => limit.admit('a', atMs)).filter(Boolean).length
    expect(admitted(30, 0)).toBe(10)
    expect(admitted(30, 500)).toBe(5)
    expect(admitted(30, 100_000)).toBe(10)
    expect(limit.admit('b', 100_000)).toBe(true)
  })
})
