import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LabContainer, NetworkLab } from './lab/network-lab.ts'

/** What containers ask at 127.0.0.11, and the process that answers. */
let lab: NetworkLab
let outside: Awaited<ReturnType<NetworkLab['outside']>>
let a: LabContainer
let b: LabContainer

beforeAll(async () => {
  lab = await NetworkLab.open()
  outside = await lab.outside()
  await lab.probe(outside.pid, ['serveDns', '203.0.113.7'])
  await lab.create({ name: 'back' })
  a = await lab.start('a', { endpoints: [{ network: 'back' }], dns: [outside.address] })
  b = await lab.start('b', { endpoints: [{ network: 'back', aliases: ['db'] }] })
})
afterAll(() => lab.close())

const probe = async (container: LabContainer, ...args: string[]) => (await lab.run(container, [...lab.probeCommand, ...args])).output
const resolve = (container: LabContainer, name: string) => probe(container, 'resolve', '127.0.0.11', name, 'A')

/** The process that holds this instance's sockets, by the path of one. */
function processOfResolver(): number {
  const line = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .find((each) => each.endsWith(` ${lab.dataDir}/dns.sock`) && each.includes(' 00010000 '))
  const socket = `socket:[${line?.split(/\s+/)[6]}]`
  const holds = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'gantry-dns\n' && descriptors(pid).includes(socket)
    } catch {
      return false
    }
  }
  return Number(readdirSync('/proc').find((name) => /^\d+$/.test(name) && holds(name)) ?? 0)
}
const descriptors = (pid: string) => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))

describe('127.0.0.11', () => {
  it('answers names and forwards the rest, over UDP and TCP', async () => {
    expect(a.sandbox.resolvConf).toContain('nameserver 127.0.0.11\n')
    expect(await resolve(a, 'db.back')).toBe(b.address)
    expect(await resolve(a, 'www.example.org')).toBe('203.0.113.7')
    expect(await probe(a, 'resolveTcp', '127.0.0.11', 'b')).toBe(`${b.address} ${b.address}`)
  })
  it('leaves port 53 to the container, on all addresses', async () => {
    await lab.serve(a, 'udp', 53)
    await lab.serve(a, 'tcp', 53)
    expect(await lab.ask(a, 'tcp', '127.0.0.1', 53)).toBe('127.0.0.1')
    expect(await lab.ask(a, 'udp', '127.0.0.1', 53)).toBe('127.0.0.1')
    expect(await lab.ask(b, 'tcp', a.address, 53)).toBe(b.address)
    expect(await resolve(a, 'b')).toBe(b.address)
    expect(await probe(a, 'resolveTcp', '127.0.0.11', 'b')).toBe(`${b.address} ${b.address}`)
  })
  it('cuts what is too long for a datagram, and gives it to whoever asks over TCP', async () => {
    const endpoints = [{ network: 'back', aliases: ['crowd'] }]
    const crowd = await Promise.all(Array.from({ length: 40 }, (_, i) => lab.start(`crowd${i}`, { endpoints })))
    // c-ares offers 1232 bytes and asks again over TCP where that is too little.
    const found = await resolve(a, 'crowd')
    expect(found.split(' ').sort()).toEqual(crowd.map(({ address }) => address).sort())
    await Promise.all(crowd.map((each) => lab.stop(each)))
    expect(await resolve(a, 'crowd')).toBe('ENOTFOUND')
  })
  it('comes to a running container with its first network, and is not there for others before', async () => {
    const plain = await lab.start('plain')
    expect(plain.sandbox.resolvConf).not.toContain('127.0.0.11')
    expect(await resolve(plain, 'b')).toBe('ECONNREFUSED')
    await lab.network.connect({
      projectId: 'lab',
      containerId: plain.id,
      containerName: 'plain',
      pid: plain.pid,
      endpoint: { network: 'back', aliases: [] },
    })
    expect(await resolve(plain, 'b')).toBe(b.address)
    expect(await lab.resolve(plain, 'b')).toBe(b.address)
    expect(await resolve(b, 'plain')).not.toBe('ENOTFOUND')
    await lab.stop(plain)
  })
  it('knows the names of networks that pass the host by', async () => {
    await lab.create({ name: 'wire', driver: 'macvlan' })
    const [c, d] = await Promise.all(['c', 'd'].map((name) => lab.start(name, { endpoints: [{ network: 'wire' }] })))
    if (!c || !d) throw new Error('not started')
    expect(await resolve(c, 'd')).toBe(d.address)
    expect(await resolve(c, 'b')).toBe('ENOTFOUND')
    // Leads nowhere, and so do its questions.
    expect(await resolve(c, 'www.example.org')).toBe('EREFUSED')
    for (const each of [c, d]) await lab.stop(each)
    await lab.network.settled()
    await lab.network.remove('lab', 'wire')
  })
})

describe('gantry-dns', () => {
  it('has no privileges', () => {
    const status = readFileSync(`/proc/${processOfResolver()}/status`, 'utf8')
    for (const line of [
      /^Uid:(\t65534){4}$/m,
      /^CapPrm:\t0{16}$/m,
      /^CapBnd:\t0{16}$/m,
      /^NoNewPrivs:\t1$/m,
      /^Seccomp:\t2$/m,
      /^Groups:\t ?$/m,
    ])
      expect(status).toMatch(line)
  })
  it('answers while the agent is away, and is right again afterwards', async () => {
    const before = processOfResolver()
    const gone = await lab.start('gone', { endpoints: [{ network: 'back' }] })
    await lab.crash()
    expect(await resolve(a, 'db')).toBe(b.address)
    expect(await resolve(a, 'www.example.org')).toBe('203.0.113.7')
    await lab.forget(gone)
    await lab.boot()
    expect(processOfResolver()).toBe(before)
    expect(await resolve(a, 'gone')).toBe('ENOTFOUND')
    const late = await lab.start('late', { endpoints: [{ network: 'back' }] })
    expect(await resolve(a, 'late')).toBe(late.address)
    expect(await resolve(late, 'db')).toBe(b.address)
    await lab.stop(late)
  })
  it('is started again when it is killed, and opens what it had, also while the agent was away', async () => {
    const plain = await lab.start('plain')
    const first = processOfResolver()
    process.kill(first, 'SIGKILL')
    await expect.poll(() => resolve(a, 'db')).toBe(b.address)
    expect(processOfResolver()).not.toBe(first)
    await expect.poll(() => lab.resolve(plain, 'plain')).toBe(plain.address)
    await lab.crash()
    process.kill(processOfResolver(), 'SIGKILL')
    await lab.boot()
    expect(await resolve(a, 'db')).toBe(b.address)
    expect(await lab.resolve(plain, 'plain')).toBe(plain.address)
    await lab.stop(plain)
  })
  it('serves others while one container floods it with questions that nobody answers', async () => {
    const silent = await lab.start('silent', { endpoints: [{ network: 'back' }], dns: ['192.0.2.1'] })
    const flood = await lab.probe(silent, ['floodDns', '127.0.0.11', '3000'])
    const answers = await Promise.all(Array.from({ length: 10 }, () => resolve(a, 'www.example.org')))
    expect(answers).toEqual(answers.map(() => '203.0.113.7'))
    expect(await resolve(a, 'b')).toBe(b.address)
    // Beyond its share it is told so at once.
    expect(await flood.answer).toBe('SERVFAIL')
    await lab.stop(silent)
  })
  it('keeps no descriptors of what has ended', async () => {
    await lab.network.settled()
    const count = () => descriptors(String(processOfResolver())).filter((link) => link.startsWith('socket:')).length
    const before = count()
    const many = await Promise.all(Array.from({ length: 12 }, (_, i) => lab.start(`m${i}`, { endpoints: [{ network: 'back' }] })))
    await Promise.all(many.map((each) => lab.stop(each)))
    await lab.network.remove('lab', (await lab.create({ name: 'other' })).id)
    await lab.network.settled()
    // Ready sandboxes may have become more.
    await expect.poll(count).toBeLessThanOrEqual(before + 2 * 16)
    for (const each of [a, b]) await lab.stop(each)
    await lab.network.remove('lab', 'back')
    await lab.network.settled()
    // The two doors, the agent, and the default network's gateway.
    await expect.poll(count).toBe(5)
  })
})
