import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { createLauncher } from '../kernel/launcher.ts'
import { PortKeeper } from './port-keeper.ts'
import { PortTable } from './port-table.ts'

const folder = mkdtempSync('/run/gantry-test-')
const nativeDir = fileURLToPath(new URL('../../../../native/build', import.meta.url))
const kernel = createLauncher({ nativeDir })
const logged: string[] = []
let sockets = 0
const path = () => `${folder}/${++sockets}.sock`
const keeper = (socket = path()) =>
  new PortKeeper({
    socket,
    start: async () => void (await kernel.ops([['keeper.start', `${nativeDir}/gantry-ports`, socket]])),
    log: (_, message) => logged.push(message),
  })
afterAll(async () => {
  await kernel.close()
  rmSync(folder, { recursive: true })
})

const echo = async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as { port: number }).port, close: () => server.close() }
}
const loopback = (protocol: 'tcp' | 'udp', port = 0) => ({ protocol, address: '127.0.0.1', port })
const to = (port: number) => ({ address: '127.0.0.1', port })

/** The process that listens at `socket`, by the kernel's list of sockets and the descriptors of all processes. */
function processOf(socket: string): number | undefined {
  const inode = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .find((line) => line.endsWith(` ${socket}`) && line.includes(' 00010000 '))
    ?.split(/\s+/)[6]
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const pid = pids.find((each) => {
    try {
      return readFileSync(`/proc/${each}/comm`, 'utf8') === 'gantry-ports\n' && descriptors(each).includes(`socket:[${inode}]`)
    } catch {
      return false
    }
  })
  return pid === undefined ? undefined : Number(pid)
}

const descriptors = (pid: string) => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))

async function conversation(port: number): Promise<{ socket: Socket; say(text: string): Promise<string> }> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  // The listener's end resets what is under way.
  socket.on('error', () => {})
  const say = async (text: string) => {
    socket.write(text)
    return String((await once(socket, 'data'))[0])
  }
  return { socket, say }
}

describe('a tcp listener', () => {
  it('relays both ways and half-closes', async () => {
    const target = await echo()
    const listener = await keeper().listen(loopback('tcp'), to(target.port))
    const many = Array.from({ length: 20 }, async () => {
      const socket = connect({ port: listener.hostPort, host: '127.0.0.1' })
      socket.end('x'.repeat(3_000_000))
      let received = 0
      for await (const chunk of socket) received += (chunk as Buffer).length
      return received
    })
    expect(await Promise.all(many)).toEqual(many.map(() => 3_000_000))
    await listener.close()
    target.close()
  })
  it('holds back who sends faster than the other side reads', async () => {
    const paused: Socket[] = []
    const server = createServer((socket) => paused.push(socket.pause()))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const listener = await keeper().listen(loopback('tcp'), to((server.address() as { port: number }).port))
    const socket = connect({ port: listener.hostPort, host: '127.0.0.1' })
    const size = 64 * 1024 * 1024
    socket.end(Buffer.alloc(size, 'y'))
    await expect.poll(() => paused.length).toBe(1)
    let received = 0
    paused[0]?.on('data', (chunk) => {
      received += chunk.length
    })
    if (paused[0]) await once(paused[0].resume(), 'end')
    expect(received).toBe(size)
    socket.destroy()
    await listener.close()
    server.close()
  })
  it('passes a refusal on', async () => {
    const target = await echo()
    target.close()
    const listener = await keeper().listen(loopback('tcp'), to(target.port))
    const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
      connect({ port: listener.hostPort, host: '127.0.0.1' }).on('error', resolve),
    )
    expect(error.code).toBe('ECONNRESET')
    await listener.close()
  })
})

describe('a udp listener', () => {
  it('brings answers back to who asked, from the address that was asked', async () => {
    const target = createSocket('udp4')
    target.on('message', (message, peer) => target.send(`re: ${message}`, peer.port, peer.address))
    await new Promise<void>((resolve) => target.bind(0, '127.0.0.1', resolve))
    for (const address of ['::', '0.0.0.0']) {
      const listener = await keeper().listen({ protocol: 'udp', address, port: 0 }, to(target.address().port))
      const answers = await Promise.all(
        ['127.0.0.1', '127.0.0.7'].map((asked) => {
          const client = createSocket('udp4')
          client.connect(listener.hostPort, asked, () => client.send(asked))
          return new Promise<string>((resolve) =>
            client.on('message', (message) => {
              client.close()
              resolve(message.toString())
            }),
          )
        }),
      )
      expect(answers).toEqual(['re: 127.0.0.1', 're: 127.0.0.7'])
      await listener.close()
    }
    target.close()
  })
})

describe('the process behind the listeners', () => {
  it('outlives who asked for it, is taken over with its connections, and ends with the last listener', async () => {
    const socket = path()
    const target = await echo()
    const first = keeper(socket)
    const kept = await first.listen(loopback('tcp'), to(target.port))
    const stray = await first.listen(loopback('tcp'), to(target.port))
    const pid = processOf(socket)
    expect(pid).toBeGreaterThan(0)
    await first.abandon()
    const { say } = await conversation(kept.hostPort)
    expect(await say('one')).toBe('one')
    const second = keeper(socket)
    await second.adopt()
    const again = await second.listen(loopback('tcp', kept.hostPort), to(target.port))
    await second.dropStrays()
    expect(await say('two')).toBe('two')
    const refused = await new Promise<NodeJS.ErrnoException>((resolve) =>
      connect({ port: stray.hostPort, host: '127.0.0.1' }).on('error', resolve),
    )
    expect(refused.code).toBe('ECONNREFUSED')
    expect(processOf(socket)).toBe(pid)
    await again.close()
    await expect.poll(() => processOf(socket)).toBe(undefined)
    expect(existsSync(socket)).toBe(false)
    target.close()
  })
  it('has no privileges but for low ports', async () => {
    const socket = path()
    const listener = await keeper(socket).listen(loopback('tcp', 79), to(1))
    const status = readFileSync(`/proc/${processOf(socket)}/status`, 'utf8')
    for (const line of [
      /^Uid:(\t65534){4}$/m,
      /^CapPrm:\t0{13}400$/m,
      /^CapBnd:\t0{16}$/m,
      /^NoNewPrivs:\t1$/m,
      /^Seccomp:\t2$/m,
      /^Groups:\t ?$/m,
    ])
      expect(status).toMatch(line)
    await listener.close()
  })
  it('is started again when it is killed, with what it had', async () => {
    const socket = path()
    const target = await echo()
    const mine = keeper(socket)
    const listener = await mine.listen(loopback('tcp'), to(target.port))
    const pid = processOf(socket)
    // 0 would be ourselves.
    if (!pid) throw new Error('gantry-ports is not found')
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => processOf(socket) ?? pid).not.toBe(pid)
    const { say, socket: open } = await conversation(listener.hostPort)
    expect(await say('again')).toBe('again')
    open.destroy()
    await listener.close()
    await expect.poll(() => processOf(socket)).toBe(undefined)
    target.close()
  })
  it('frees descriptors and memory of what has ended', async () => {
    const socket = path()
    const target = await echo()
    const listener = await keeper(socket).listen(loopback('tcp'), to(target.port))
    const pid = String(processOf(socket))
    for (let round = 0; round < 4; round++) {
      const talks = await Promise.all(Array.from({ length: 100 }, () => conversation(listener.hostPort)))
      expect(await Promise.all(talks.map(({ say }) => say('x')))).toEqual(talks.map(() => 'x'))
      for (const talk of talks) talk.socket.destroy()
    }
    // Sockets: the door, the agent, the listener; the rest is the epoll set, 0 to 2, and the pool of pipes.
    await expect.poll(() => descriptors(pid).filter((link) => link.startsWith('socket:')).length).toBe(3)
    await listener.close()
    target.close()
  })
})

describe('PortTable', () => {
  const holder = (name: string, projectId = 'p') => ({ containerId: name, containerName: name, projectId })
  const targets = { ipv4: '127.0.0.1', ipv6: null, direct: [] }
  const want = (hostPort: number, hostAddress = '127.0.0.1') => [{ protocol: 'tcp' as const, containerPort: 80, hostAddress, hostPort }]

  it('says who has a port, without telling other projects', async () => {
    const table = new PortTable(keeper())
    const [taken] = await table.publish(holder('a'), want(0), targets)
    const port = taken?.hostPort ?? 0
    await expect(table.publish(holder('b'), want(port), targets)).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining('by container a'),
    })
    await expect(table.publish(holder('b'), want(port, ''), targets)).rejects.toMatchObject({
      message: expect.stringContaining('by container a'),
    })
    await expect(table.publish(holder('c', 'q'), want(port), targets)).rejects.toMatchObject({
      message: expect.stringContaining('a container of another project'),
    })
    await table.unpublish('a')
    await expect(table.publish(holder('b'), want(port), targets)).resolves.toHaveLength(1)
    await table.closeAll()
  })
  it('says when another program has it, and frees what it had taken before', async () => {
    const other = await echo()
    const table = new PortTable(keeper())
    const free = await echo()
    free.close()
    await expect(table.publish(holder('a'), [...want(free.port), ...want(other.port)], targets)).rejects.toMatchObject({
      code: 'already_exists',
      message: `port 127.0.0.1:${other.port}/tcp is already in use by another program on this host`,
    })
    await expect(table.publish(holder('a'), want(free.port), targets)).resolves.toHaveLength(1)
    await table.closeAll()
    other.close()
  })
  it('refuses an address that the host does not have', async () => {
    await expect(new PortTable(keeper()).publish(holder('a'), want(0, '192.0.2.200'), targets)).rejects.toMatchObject({
      code: 'invalid_input',
    })
  })
})
