import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TerminalViewer } from './testing/terminal-viewer.ts'
import { TestInstance, end } from './testing/test-instance.ts'

const MiB = 1024 ** 2
let instance: TestInstance
beforeAll(async () => {
  instance = await TestInstance.start()
})
afterAll(() => instance[Symbol.asyncDispose]())

const projectId = 'default'
/** A container that waits to be told to stop. */
const idle = { image: 'busybox', command: ['sleep', '100000'] }
const create = (spec: object = {}, start = true, project = projectId) =>
  instance.mutate('container.create', { projectId: project, spec: { ...idle, ...spec }, start })
const remove = (container: string, project = projectId) =>
  instance.change('container.remove', { projectId: project, container, force: true })

async function openTerminal(container: string, more: object = {}) {
  const { ticket, sessionId } = await instance.change('terminal.ticket', { projectId, container, columns: 80, rows: 24, ...more })
  return { sessionId: sessionId as string, socket: instance.socket(ticket) }
}

describe('a container from the browser', () => {
  it('is created, seen, limited live and removed, and all of it is in the log', async () => {
    const created = await create({ name: 'web', resources: { memoryBytes: 64 * MiB } })
    expect(created).toMatchObject({ status: 200, data: { name: 'web', startError: null } })
    const container = created.data.id
    expect((await instance.query('container.list', {})).data).toMatchObject([
      { id: container, name: 'web', createdBy: 'root@example.org', state: { status: 'running' } },
    ])
    await instance.change('container.update', { projectId, container, update: { resources: { memoryBytes: 96 * MiB } } })
    expect((await instance.query('container.get', { projectId, container })).data.resources.memoryBytes).toBe(96 * MiB)
    await instance.change('container.pause', { projectId, container })
    await instance.change('container.unpause', { projectId, container })
    await remove(container)
    expect((await instance.query('container.list', {})).data).toEqual([])
    const { entries } = (await instance.query('audit.list', { projectId })).data
    expect(entries.map(({ verb, outcome }: { verb: string; outcome: string }) => `${verb} ${outcome}`).slice(0, 5)).toEqual([
      'container.remove success',
      'container.unpause success',
      'container.pause success',
      'container.update success',
      'container.create success',
    ])
    expect((await instance.query('audit.verify')).data.ok).toBe(true)
  })

  it('stays within its project: in number by the database, in sum by the kernel', async () => {
    await instance.change('project.create', { id: 'small', name: 'Small', limits: { containers: 2, memoryBytes: 128 * MiB, pids: 64 } })
    const refused = await create({ resources: { memoryBytes: 256 * MiB } }, false, 'small')
    expect(refused).toMatchObject({
      status: 422,
      error: { code: 'quota_exceeded', message: 'memory limit 256 MiB exceeds project limit 128 MiB' },
    })
    const answers = await Promise.all(Array.from({ length: 6 }, () => create({}, false, 'small')))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
    expect(answers.find(({ status }) => status !== 200)).toMatchObject({
      error: { code: 'quota_exceeded', detail: { field: 'containers', limit: '2', used: '2', asked: '1' } },
    })
    const usage = (await instance.query('project.usage', { projectId: 'small' })).data
    expect(usage).toMatchObject({ used: { containers: 2 }, stats: { memory: { limitBytes: 128 * MiB }, pids: { limit: 64 } } })
    await instance.change('project.remove', { projectId: 'small', force: true })
    expect((await instance.query('project.usage', { projectId: 'small' })).status).toBe(404)
  })
})

describe('what people get wrong', () => {
  let busy: ReturnType<typeof createServer>
  beforeAll(async () => {
    busy = createServer().listen(0, '127.0.0.1')
    await once(busy, 'listening')
  })
  afterAll(() => void busy.close())

  it.each([
    ['an unknown image', { image: 'nowhere:1' }, 404, 'not_found', /nowhere:1/],
    ['a bad name', { name: '../etc' }, 400, 'invalid_input', /must start with a letter or digit/],
    ['a negative limit', { resources: { memoryBytes: -1 } }, 400, 'invalid_input', /memoryBytes/],
    ['more cpus than the machine has', { resources: { nanoCpus: 1e12 } }, 400, 'invalid_input', /cpu/i],
    ['an unknown field', { memory: 1 }, 400, 'invalid_input', /memory/],
  ])('%s', async (_what, spec, status, code, message) => {
    const answer = await create(spec)
    expect(answer).toMatchObject({ status, error: { code, message: expect.stringMatching(message) } })
    expect((await instance.query('container.list', {})).data).toEqual([])
    expect((await instance.query('project.usage', { projectId })).data.used.containers).toBe(0)
  })

  it.each([
    ['a command that does not exist', { command: ['nope'] }, 127],
    ['a command that cannot be executed', { command: ['/etc/passwd'] }, 126],
  ])('%s', async (_what, spec, exitCode) => {
    const { data } = await create(spec)
    expect(data.startError).toContain(spec.command[0])
    const container = data.id
    expect((await instance.query('container.get', { projectId, container })).data.state).toMatchObject({
      exitCode,
      error: expect.stringContaining(''),
    })
    await remove(container)
  })

  it('a port in use', async () => {
    const address = busy.address()
    const hostPort = typeof address === 'object' && address ? address.port : 0
    const { data } = await create({ ports: [{ containerPort: 80, hostPort, hostAddress: '127.0.0.1' }] })
    expect(data.startError).toContain(String(hostPort))
    await remove(data.id)
  })

  it('a name that is taken', async () => {
    const { data } = await create({ name: 'web' }, false)
    expect(await create({ name: 'web' }, false)).toMatchObject({ status: 409, error: { code: 'already_exists' } })
    expect((await instance.query('project.usage', { projectId })).data.used.containers).toBe(1)
    await remove(data.id)
  })

  it('an archive that is not one, or not whole', async () => {
    for (const body of [Buffer.alloc(100_000, 'x'), Buffer.alloc(1024)]) {
      const response = await fetch(`${instance.origin}/upload/image?projectId=${projectId}`, {
        method: 'POST',
        headers: { origin: instance.origin, cookie: instance.cookie, 'content-type': 'application/x-tar' },
        body,
      })
      const lines = (await response.text()).trim().split('\n')
      const last = JSON.parse(lines.at(-1) ?? '{}') as { code?: string; error?: { code: string } }
      expect(last.code ?? last.error?.code).toBe('invalid_input')
    }
    expect((await instance.query('project.usage', { projectId })).data.used.images).toBe(0)
  })
})

describe('another member', () => {
  const password = 'another long password'
  let bob = ''
  let secret = ''

  beforeAll(async () => {
    await instance.change('user.create', { email: 'bob@example.org', name: 'Bob', password })
    await instance.change('project.create', { id: 'team', name: 'Team', limits: {} })
    await instance.change('project.members.add', { projectId: 'team', email: 'bob@example.org', role: 'developer' })
    secret = (await create({ name: 'secret' })).data.id
    const root = instance.cookie
    await instance.signIn({ email: 'bob@example.org', password })
    bob = instance.cookie
    instance.cookie = root
  })
  afterAll(async () => {
    await remove(secret)
    await instance.change('project.remove', { projectId: 'team', force: true })
  })

  it('finds nothing of other projects: 404, never 403', async () => {
    for (const project of [projectId, 'team']) {
      expect((await instance.query('container.get', { projectId: project, container: secret }, bob)).status).toBe(404)
      expect((await instance.mutate('container.stop', { projectId: project, container: secret }, bob)).status).toBe(404)
      expect((await instance.mutate('terminal.ticket', { projectId: project, container: secret, columns: 80, rows: 24 }, bob)).status).toBe(
        404,
      )
    }
    expect((await instance.query('container.list', {}, bob)).data).toEqual([])
  })

  it('cannot reach the host', async () => {
    const ask = (spec: object) => instance.mutate('container.create', { projectId: 'team', spec: { ...idle, ...spec } }, bob)
    for (const spec of [
      { privileged: true },
      { pidMode: 'host' },
      { networkMode: 'host' },
      { userns: 'host' },
      { capAdd: ['SYS_ADMIN'] },
      { seccomp: 'unconfined' },
      { mounts: [{ type: 'bind', source: '/', target: '/host' }] },
      { devices: [{ hostPath: '/dev/sda' }] },
      { ports: [{ containerPort: 80, hostPort: 80 }] },
    ]) {
      expect(await ask(spec), JSON.stringify(spec)).toMatchObject({ status: 403, error: { code: 'forbidden' } })
    }
    const { entries } = (await instance.query('audit.list', { projectId: 'team', outcome: 'denied' })).data
    expect(entries.length).toBeGreaterThanOrEqual(9)
  })
})

describe('the shell in the browser', () => {
  let container = ''
  beforeAll(async () => {
    container = (await create({ name: 'shell' })).data.id
  })
  afterAll(() => remove(container))

  it('is a real terminal, survives a reload and loses nothing', async () => {
    const { sessionId, socket } = await openTerminal(container)
    const viewer = new TerminalViewer(socket)
    await viewer.until(() => viewer.text.includes('#'))
    viewer.type('tty; stty size; echo one-$((1 + 1))\n')
    await viewer.until(() => viewer.text.includes('one-2'))
    expect(viewer.text).toContain('/dev/pts/')
    expect(viewer.text).toContain('24 80')
    // The browser goes away while the shell is at work.
    viewer.type('for i in 1 2 3 4 5 6 7 8 9; do echo line-$i; usleep 50000; done; echo finished\n')
    await viewer.until(() => viewer.text.includes('line-1\r'))
    socket.terminate()
    await viewer.closed()
    const again = await openTerminal(container, { sessionId, from: viewer.position })
    expect(again.sessionId).toBe(sessionId)
    const second = new TerminalViewer(again.socket)
    await second.until(() => second.text.includes('finished\r'))
    const whole = viewer.text + second.text
    for (let line = 1; line <= 9; line += 1) expect(whole.split(`line-${line}\r`)).toHaveLength(2)
    again.socket.send(JSON.stringify({ type: 'resize', columns: 100, rows: 30 }))
    second.type('until [ "$(stty size)" = "30 100" ]; do :; done; echo resized-$((2 + 3))\n')
    await second.until(() => second.text.includes('resized-5'))
    second.type('exit 7\n')
    await second.closed()
    expect(second.messages.at(-1)).toEqual({ type: 'exit', exitCode: 7 })
  })

  it('carries 50 MB without growing', async () => {
    const { socket } = await openTerminal(container, { command: ['sh', '-c', 'stty -opost; head -c 52428800 /dev/zero | tr "\\0" x'] })
    const viewer = new TerminalViewer(socket, { keepText: false })
    await viewer.until(() => viewer.bytes > 10 * MiB)
    const before = residentBytes()
    await viewer.closed()
    expect(viewer.bytes).toBe(50 * MiB)
    expect(residentBytes() - before).toBeLessThan(48 * MiB)
  })

  function residentBytes(): number {
    const status = readFileSync(`/proc/${instance.gateway?.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
  }

  it('goes on through the death of agent and gateway', async () => {
    const { sessionId, socket } = await openTerminal(container)
    const viewer = new TerminalViewer(socket)
    await viewer.until(() => viewer.text.includes('#'))
    viewer.type('answer=42\n')
    await viewer.until(() => viewer.text.split('#').length > 2)
    await end(instance.agent, 'SIGKILL')
    await viewer.closed()
    expect(viewer.closeCode).toBe(1013)
    const down = await instance.query('container.list', { projectId })
    expect(down).toMatchObject({ status: 503, error: { code: 'unavailable' } })
    expect((await instance.mutate('container.stop', { projectId, container })).status).toBe(503)
    expect((await instance.query('dashboard.overview')).data.host).toBeNull()
    await end(instance.gateway, 'SIGKILL')
    await instance.startAgent()
    await instance.startGateway()
    const again = await openTerminal(container, { sessionId, from: viewer.position })
    const second = new TerminalViewer(again.socket)
    await second.until(() => second.messages.length > 0)
    second.type('echo the answer is $answer\n')
    await second.until(() => second.text.includes('the answer is 42'))
    again.socket.terminate()
  })
})

it('settles what was under way when the gateway died', async () => {
  instance.agent?.kill('SIGSTOP')
  const asked = instance.mutate('volume.create', { projectId, spec: { name: 'cut-short' } }).catch(() => undefined)
  await waitForOperation()
  await end(instance.gateway, 'SIGKILL')
  instance.agent?.kill('SIGCONT')
  await asked
  await instance.startGateway()
  await until(async () => (await failures()).some(({ error }) => error.includes('cut short')))
  // Whether the agent had made it or not, the database says the same.
  await until(async () => {
    const there = (await instance.query('volume.list', { projectId })).data.length
    return there === (await instance.query('project.usage', { projectId })).data.used.volumes
  })
  await instance.change('volume.create', { projectId, spec: { name: 'cut-short' } })
  await instance.change('volume.remove', { projectId, volume: 'cut-short' })
  expect((await instance.query('audit.verify')).data.ok).toBe(true)
})

async function failures(): Promise<{ error: string }[]> {
  return (await instance.query('audit.list', { verb: 'volume.create', outcome: 'failed' })).data.entries
}

/** The agent is stopped, so the request hangs between intent and answer: visible as a reservation. */
async function waitForOperation(): Promise<void> {
  const db = new Sqlite(`${instance.dataDir}/panel/gantry.db`, { readonly: true })
  await until(async () => (db.prepare('SELECT count(*) AS n FROM "Operation"').get() as { n: number }).n === 1)
  db.close()
}

/** Polls a fact of another process. */
async function until(test: () => Promise<boolean>): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setTimeout(resolve, 20))
}
