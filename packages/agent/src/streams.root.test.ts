import { type AgentClient, hostAdminPolicy } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** What carries bytes into and out of real containers: exec, attach, logs. */
let agent: TestAgent
let client: AgentClient
const projectId = 'default'

beforeAll(async () => {
  agent = await TestAgent.start()
  client = agent.client
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

const sleeper = { command: ['sleep', '1000'] }

describe('exec', () => {
  test('runs inside, with exit code, streams, user, folder and variables', async () => {
    const id = await agent.run({ ...sleeper, env: ['A=1'] })
    expect(await agent.exec(id, ['sh', '-c', 'echo $A $B; echo e >&2; exit 5'], { env: ['B=2'] })).toEqual({
      exitCode: 5,
      stdout: '1 2\n',
      stderr: 'e\n',
    })
    expect((await agent.exec(id, ['sh', '-c', 'id -u; pwd'], { user: '65534', workingDir: '/etc' })).stdout).toBe('65534\n/etc\n')
    await expect(agent.exec(id, ['/no/such'])).rejects.toMatchObject({ message: expect.stringContaining('/no/such') })
    await agent.remove(id, { force: true })
    await expect(agent.exec(id, ['true'])).rejects.toMatchObject({ code: 'not_found' })
  })

  test('is privileged only in a privileged container or by a host administrator', async () => {
    const id = await agent.run(sleeper)
    const spec = { command: ['grep', 'CapEff', '/proc/self/status'], privileged: true }
    await expect(client.call('exec.run', { projectId, container: id, spec })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(client.call('exec.create', { projectId, container: id, spec })).rejects.toMatchObject({ code: 'forbidden' })
    const plain = await agent.exec(id, spec.command)
    const more = await client.call('exec.run', { projectId, container: id, spec, policy: hostAdminPolicy })
    expect(more.exitCode).toBe(0)
    expect(more.stdout).not.toBe(plain.stdout)
    await agent.remove(id, { force: true })
  })

  test('carries a megabyte through stdin and stdout, and inspect knows the end', async () => {
    const id = await agent.run(sleeper)
    const { id: execId } = await client.call('exec.create', { projectId, container: id, spec: { command: ['cat'], openStdin: true } })
    const { channel, result } = client.duplex('exec.start', { projectId, id: execId })
    const payload = Buffer.alloc(1_000_000, 'x')
    void channel.write(payload).then(() => channel.end())
    const chunks: Uint8Array[] = []
    for await (const bytes of channel.incoming) chunks.push(bytes)
    expect(unframe(Buffer.concat(chunks)).equals(payload)).toBe(true)
    expect(await result).toEqual({ exitCode: 0 })
    expect(await client.call('exec.inspect', { projectId, id: execId })).toMatchObject({ running: false, exitCode: 0 })
    await expect(client.duplex('exec.start', { projectId, id: execId }).result).rejects.toMatchObject({ code: 'wrong_state' })
    await agent.remove(id, { force: true })
  })

  test('a terminal that ends at once loses nothing of its output', async () => {
    const id = await agent.run(sleeper)
    for (let i = 0; i < 10; i++) {
      const spec = { command: ['echo', `round ${i}`], tty: true }
      const { id: execId } = await client.call('exec.create', { projectId, container: id, spec })
      const { channel, result } = client.duplex('exec.start', { projectId, id: execId })
      const chunks: Uint8Array[] = []
      for await (const bytes of channel.incoming) chunks.push(bytes)
      expect(Buffer.concat(chunks).toString()).toBe(`round ${i}\r\n`)
      expect(await result).toEqual({ exitCode: 0 })
    }
    expect((await client.call('exec.list', { projectId, container: id })).map((exec) => exec.exitCode)).toEqual(Array(10).fill(0))
    await agent.remove(id, { force: true })
  })

  test('a deadline kills the process', async () => {
    const id = await agent.run(sleeper)
    const late = client.call('exec.run', { projectId, container: id, spec: { command: ['sleep', '1001'] }, timeoutMs: 50 })
    await expect(late).rejects.toMatchObject({ code: 'timeout' })
    await expect
      .poll(async () => (await client.call('container.top', { projectId, container: id })).processes.flat().join(' '))
      .not.toContain('1001')
    await agent.remove(id, { force: true })
  })

  test('a terminal session is left and found again with nothing lost', async () => {
    const id = await agent.run(sleeper)
    const spec = { command: ['sh'], tty: true, openStdin: true, persistent: true }
    const { id: session } = await client.call('exec.create', { projectId, container: id, spec })
    const first = attach(session, 0)
    await first.channel.write(Buffer.from('echo $((40+2)); tty; stty size\n'))
    await first.sees('24 80')
    expect(first.text).toContain('42')
    expect(first.text).toContain('/dev/pts/')
    first.abort.abort()
    const second = attach(session, 0)
    await second.sees('24 80')
    expect(second.text.startsWith(first.text)).toBe(true)
    await client.call('exec.resize', { projectId, id: session, columns: 100, rows: 30 })
    await second.channel.write(Buffer.from('stty size; exit 6\n'))
    await second.sees('30 100')
    expect(await second.result).toEqual({ exitCode: 6 })
    await agent.remove(id, { force: true })
  })

  function attach(session: string, from: number) {
    const abort = new AbortController()
    const { channel, result } = client.duplex(
      'exec.attach',
      { projectId, id: session, from, columns: 80, rows: 24 },
      { signal: abort.signal },
    )
    const viewer = {
      abort,
      channel,
      result,
      text: '',
      sees: (wanted: string) => expect.poll(() => viewer.text).toContain(wanted),
    }
    const read = async () => {
      let header = 8
      for await (const bytes of channel.incoming) {
        const skipped = Math.min(header, bytes.length)
        header -= skipped
        viewer.text += Buffer.from(bytes.subarray(skipped)).toString()
      }
    }
    void read()
    return viewer
  }
})

describe('attach', () => {
  test('before the start: stdin, every byte of output, the exit code', async () => {
    const { id } = await agent.create({ command: ['sh', '-c', 'echo first; cat; exit 3'], openStdin: true, stdinOnce: true })
    const { channel, result } = client.duplex('container.attach', { projectId, container: id, stdin: true })
    await channel.write(Buffer.from('hello'))
    channel.end()
    await client.call('container.start', { projectId, container: id })
    const chunks: Uint8Array[] = []
    for await (const bytes of channel.incoming) chunks.push(bytes)
    expect(unframe(Buffer.concat(chunks)).toString()).toBe('first\nhello')
    expect(await result).toMatchObject({ exitCode: 3 })
    await agent.remove(id)
  })

  test('while a start is under way: every byte from then on, the exit code', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = await agent.create({ command: ['sh', '-c', 'echo said; echo more >&2; exit 3'], tty: round === 4 })
      const started = client.call('container.start', { projectId, container: id })
      const { channel, result } = client.duplex('container.attach', { projectId, container: id, stdout: true, stderr: true })
      const chunks: Uint8Array[] = []
      for await (const bytes of channel.incoming) chunks.push(bytes)
      const all = Buffer.concat(chunks)
      const text = round === 4 ? all.toString() : unframe(all).toString()
      expect(text.split(/\r?\n/).toSorted()).toEqual(['', 'more', 'said'])
      expect(await result).toMatchObject({ exitCode: 3 })
      await started
      await agent.remove(id)
    }
  })

  test('a viewer that leaves does not end the container', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'while :; do echo tick; sleep 0.05; done'] })
    const abort = new AbortController()
    const { channel } = client.duplex('container.attach', { projectId, container: id }, { signal: abort.signal })
    for await (const bytes of channel.incoming) {
      expect(unframe(Buffer.from(bytes)).toString()).toBe('tick\n')
      break
    }
    abort.abort()
    expect((await agent.inspect(id)).state.status).toBe('running')
    await agent.remove(id, { force: true })
  })
})

describe('logs', () => {
  test('follow delivers what comes and ends with the container; tail counts from the end', async () => {
    const { id } = await agent.create({ command: ['sh', '-c', 'for i in 1 2 3 4 5; do echo $i; sleep 0.02; done'] })
    await client.call('container.start', { projectId, container: id })
    const followed: string[] = []
    for await (const { lines } of client.stream('container.logs', { projectId, container: id, follow: true })) {
      followed.push(...lines.map((line) => line.text))
    }
    expect(followed).toEqual(['1', '2', '3', '4', '5'])
    const tail: string[] = []
    for await (const { lines } of client.stream('container.logs', { projectId, container: id, tail: 2 })) {
      tail.push(...lines.map((line) => line.text))
    }
    expect(tail).toEqual(['4', '5'])
    await agent.remove(id)
  })
})

function unframe(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4)
    parts.push(bytes.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts)
}
