import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type AgentClient, type EngineEvent, hostAdminPolicy } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** Every verb on real containers of the built-in busybox, through the agent's socket. */
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

describe('run', () => {
  test('exit codes, output and state of a finished container', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'echo out; echo err >&2; exit 7'] })
    expect(await agent.wait(id)).toEqual({ exitCode: 7, oomKilled: false, error: '' })
    expect((await agent.logs(id)).sort()).toEqual(['err', 'out'])
    const inspect = await agent.inspect(id)
    expect(inspect.state).toMatchObject({ status: 'exited', exitCode: 7, pid: 0, restartCount: 0 })
    expect(Date.parse(inspect.state.finishedAt)).toBeGreaterThanOrEqual(Date.parse(inspect.state.startedAt))
    expect(inspect.lastStart?.steps.length).toBeGreaterThan(5)
    await agent.remove(id)
  })

  test.each([
    ['a command that does not exist', ['/no/such/command'], 127],
    ['a file that cannot be executed', ['/etc/passwd'], 126],
    ['a folder', ['/etc'], 126],
  ])('%s', async (_name, command, exitCode) => {
    const { id } = await agent.create({ command })
    await expect(client.call('container.start', { projectId, container: id })).rejects.toMatchObject({
      message: expect.stringContaining(command[0] as string),
    })
    const { state } = await agent.inspect(id)
    expect(state).toMatchObject({ status: 'created', exitCode, pid: 0 })
    expect(state.error).not.toBe('')
    await agent.remove(id)
  })

  test('death by a signal is 128 + signal', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'kill -9 $$'], init: true })
    expect((await agent.wait(id)).exitCode).toBe(137)
    await agent.remove(id)
  })

  test('environment, user, folder and host name are what was asked for', async () => {
    const id = await agent.run({
      command: ['sh', '-c', 'echo $FOO; id -u; pwd; hostname; cat /etc/hostname'],
      env: ['FOO=bar'],
      user: '33:44',
      workingDir: '/tmp',
      hostname: 'myhost',
    })
    await agent.wait(id)
    expect(await agent.logs(id)).toEqual(['bar', '33', '/tmp', 'myhost', 'myhost'])
    await agent.remove(id)
  })

  test('root inside is nobody outside, in the range of the project', async () => {
    const id = await agent.run(sleeper)
    const { state, idBase } = await agent.inspect(id)
    expect(readFileSync(`/proc/${state.pid}/uid_map`, 'utf8').trim().split(/\s+/)).toEqual(['0', String(idBase), '65536'])
    expect(idBase).toBeGreaterThan(0)
    await agent.remove(id, { force: true })
    expect(existsSync(`/proc/${state.pid}`)).toBe(false)
  })
})

describe('stop, kill, pause', () => {
  test('a process that obeys ends by the stop signal', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'] })
    await expect.poll(() => agent.logs(id)).toEqual(['ready'])
    await client.call('container.stop', { projectId, container: id })
    expect((await agent.inspect(id)).state).toMatchObject({ status: 'exited', exitCode: 3 })
    await agent.remove(id)
  })

  test('one that does not is killed after the grace, with all its children', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'trap "" TERM; sleep 1000 & sleep 1000 & wait; wait'] })
    const { state } = await agent.inspect(id)
    await client.call('container.stop', { projectId, container: id, timeoutSeconds: 0 })
    expect((await agent.inspect(id)).state).toMatchObject({ status: 'exited', exitCode: 137 })
    expect(existsSync(`/proc/${state.pid}`)).toBe(false)
    await agent.remove(id)
  })

  test('kill sends any signal by name or number', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'trap "echo usr1" USR1; echo ready; while :; do sleep 0.1; done'] })
    await expect.poll(() => agent.logs(id)).toEqual(['ready'])
    await client.call('container.kill', { projectId, container: id, signal: 'USR1' })
    await expect.poll(() => agent.logs(id)).toEqual(['ready', 'usr1'])
    await client.call('container.kill', { projectId, container: id })
    expect((await agent.inspect(id)).state).toMatchObject({ status: 'exited', exitCode: 137 })
    await expect(client.call('container.kill', { projectId, container: id })).rejects.toMatchObject({ code: 'wrong_state' })
    await agent.remove(id)
  })

  test('a paused container makes no progress, refuses exec, and goes on when unpaused', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done'] })
    await expect.poll(async () => (await agent.logs(id)).length).toBeGreaterThan(2)
    await client.call('container.pause', { projectId, container: id })
    expect((await agent.inspect(id)).state.status).toBe('paused')
    const frozen = await agent.logs(id)
    await expect(agent.exec(id, ['true'])).rejects.toMatchObject({ code: 'wrong_state' })
    expect((await agent.logs(id)).length - frozen.length).toBeLessThanOrEqual(1)
    await client.call('container.unpause', { projectId, container: id })
    await expect.poll(async () => (await agent.logs(id)).length).toBeGreaterThan(frozen.length + 2)
    await client.call('container.pause', { projectId, container: id })
    await client.call('container.stop', { projectId, container: id, timeoutSeconds: 1 })
    expect((await agent.inspect(id)).state.status).toBe('exited')
    await agent.remove(id)
  })

  test('restart gives a new process and keeps what was written', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'ls /mark 2>&1; touch /mark; echo ready; exec sleep 1000'] })
    await expect.poll(async () => (await agent.logs(id)).at(-1)).toBe('ready')
    const before = (await agent.inspect(id)).state
    await client.call('container.restart', { projectId, container: id, timeoutSeconds: 0 })
    await expect.poll(async () => (await agent.logs(id)).slice(2)).toEqual(['/mark', 'ready'])
    const after = (await agent.inspect(id)).state
    expect(after.status).toBe('running')
    expect(after.pid).not.toBe(before.pid)
    await agent.remove(id, { force: true })
  })
})

describe('policy of restarts and removal', () => {
  test('on-failure starts again until the count is used up', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'echo run; exit 4'], restart: { name: 'on-failure', maximumRetryCount: 2 } })
    expect((await agent.wait(id)).exitCode).toBe(4)
    expect((await agent.inspect(id)).state).toMatchObject({ status: 'exited', restartCount: 2 })
    expect(await agent.logs(id)).toEqual(['run', 'run', 'run'])
    await agent.remove(id)
  })

  test('always starts again after a success too, until it is stopped', async () => {
    const id = await agent.run({ command: ['true'], restart: { name: 'always' } })
    await expect.poll(async () => (await agent.inspect(id)).state.restartCount).toBeGreaterThan(1)
    await client.call('container.stop', { projectId, container: id })
    expect((await agent.inspect(id)).state.status).toBe('exited')
    await agent.remove(id)
  })

  test('rm: gone when it ends, and the waiter still gets the exit code', async () => {
    const { id } = await agent.create({ command: ['sh', '-c', 'exit 9'], autoRemove: true })
    const removed = agent.wait(id, 'removed')
    await client.call('container.start', { projectId, container: id })
    expect(await removed).toMatchObject({ exitCode: 9 })
    await expect(agent.inspect(id)).rejects.toMatchObject({ code: 'not_found' })
    expect(existsSync(`${agent.dataDir}/containers/${id}`)).toBe(false)
  })
})

describe('names, lists, updates', () => {
  test('rename, list, find by name and prefix; a name is used once', async () => {
    const { id } = await agent.create({ name: 'first', labels: { tier: 'web' } })
    await expect(agent.create({ name: 'first' })).rejects.toMatchObject({ code: 'already_exists' })
    await client.call('container.rename', { projectId, container: 'first', name: 'second' })
    expect((await agent.inspect('second')).id).toBe(id)
    expect((await agent.inspect(id.slice(0, 10))).name).toBe('second')
    await expect(agent.inspect('first')).rejects.toMatchObject({ code: 'not_found', message: 'no such container: first' })
    const listed = await client.call('container.list', { projectId, labels: ['tier=web'] })
    expect(listed.map((container) => container.name)).toEqual(['second'])
    expect(await client.call('container.list', { projectId, all: false, labels: ['tier'] })).toEqual([])
    await agent.remove('second')
  })

  test('update changes a limit of a running container in the kernel', async () => {
    const id = await agent.run({ ...sleeper, resources: { memoryBytes: 64 * 2 ** 20, pidsLimit: 50 } })
    await client.call('container.update', { projectId, container: id, update: { resources: { memoryBytes: 96 * 2 ** 20, pidsLimit: 60 } } })
    const [stats] = await client.call('container.stats', { projectId, containers: [id] })
    expect(stats).toMatchObject({ memory: { limitBytes: 96 * 2 ** 20 }, pids: { limit: 60 } })
    expect((await agent.inspect(id)).resources).toMatchObject({ memoryBytes: 96 * 2 ** 20, pidsLimit: 60 })
    await agent.remove(id, { force: true })
  })

  test('update takes limits away again, in the kernel and for the next start', async () => {
    const resources = {
      memoryBytes: 64 * 2 ** 20,
      memoryReservationBytes: 2 ** 25,
      nanoCpus: 5e8,
      cpuShares: 512,
      cpusetCpus: '0',
      pidsLimit: 50,
    }
    const id = await agent.run({ ...sleeper, resources })
    const counters = async () => (await client.call('container.stats', { projectId, containers: [id] }))[0]
    expect(await counters()).toMatchObject({ memory: { limitBytes: 64 * 2 ** 20 }, pids: { limit: 50 } })
    const update = (change: object) => client.call('container.update', { projectId, container: id, update: { resources: change } })
    const nproc = async () => (await agent.exec(id, ['nproc'])).stdout.trim()
    expect(await nproc()).toBe('1')
    await update({ memoryBytes: null, memoryReservationBytes: null, nanoCpus: null, cpuShares: null, cpusetCpus: null, pidsLimit: null })
    const free = await counters()
    expect(free?.memory.limitBytes).not.toBe(64 * 2 ** 20)
    expect(free?.pids.limit).toBe(0)
    expect(await nproc()).toBe(String(availableParallelism()))
    expect((await agent.inspect(id)).resources).toEqual({ pidsLimit: -1 })
    await client.call('container.restart', { projectId, container: id, timeoutSeconds: 0 })
    expect((await counters())?.pids.limit).toBe(0)
    await update({ memoryBytes: 80 * 2 ** 20 })
    expect((await counters())?.memory.limitBytes).toBe(80 * 2 ** 20)
    await agent.remove(id, { force: true })
  })

  test('a limit that is exceeded kills, and the state says so', async () => {
    const id = await agent.run({
      command: ['sh', '-c', 'x=$(head -c 100m /dev/zero | tr "\\0" x); echo $x | wc -c'],
      resources: { memoryBytes: 16 * 2 ** 20, memorySwapBytes: 16 * 2 ** 20 },
    })
    const exit = await agent.wait(id)
    expect(exit.exitCode).not.toBe(0)
    expect(exit.oomKilled).toBe(true)
    await agent.remove(id)
  })

  test('top, diff and stats tell about the inside', async () => {
    const id = await agent.run({ command: ['sh', '-c', 'echo x > /new; rm /etc/passwd; exec sleep 1000'] })
    await expect
      .poll(() => client.call('container.diff', { projectId, container: id }))
      .toEqual(
        expect.arrayContaining([
          { kind: 'added', path: '/new' },
          { kind: 'deleted', path: '/etc/passwd' },
          { kind: 'modified', path: '/etc' },
        ]),
      )
    const { processes } = await client.call('container.top', { projectId, container: id })
    expect(processes.flat().join(' ')).toContain('sleep 1000')
    expect((await client.call('container.stats', { projectId, containers: [id] }))[0]?.pids.current).toBe(1)
    await agent.remove(id, { force: true })
  })
})

describe('isolation of projects', () => {
  test('a container of another project does not exist, by id, name or prefix', async () => {
    await client.call('project.apply', { id: 'other' })
    const id = await agent.run({ ...sleeper, name: 'mine' })
    for (const container of [id, 'mine', id.slice(0, 12)]) {
      await expect(client.call('container.inspect', { projectId: 'other', container })).rejects.toMatchObject({
        code: 'not_found',
        message: `no such container: ${container}`,
      })
      await expect(client.call('container.remove', { projectId: 'other', container, force: true })).rejects.toMatchObject({
        code: 'not_found',
      })
    }
    const { id: execId } = await client.call('exec.create', { projectId, container: id, spec: { command: ['true'] } })
    await expect(client.call('exec.inspect', { projectId: 'other', id: execId })).rejects.toMatchObject({ code: 'not_found' })
    const spec = { image: 'busybox', networkMode: `container:${id}` }
    await expect(client.call('container.create', { projectId: 'other', spec, policy: hostAdminPolicy })).rejects.toMatchObject({
      code: 'not_found',
    })
    await agent.remove(id, { force: true })
    await client.call('project.remove', { id: 'other' })
    await expect(
      client.call('container.create', { projectId: 'other', spec: { image: 'busybox' }, policy: hostAdminPolicy }),
    ).rejects.toMatchObject({ code: 'not_found' })
  })
})

test('health follows the probe, and each change is an event', async () => {
  const actions: string[] = []
  const abort = new AbortController()
  const reading = (async () => {
    for await (const event of client.stream('system.events', { projectId }, { signal: abort.signal })) {
      if (event.action.startsWith('health_status')) actions.push(event.action)
    }
  })().catch(() => {})
  const healthcheck = { test: ['CMD', 'test', '-e', '/well'], intervalMs: 50, timeoutMs: 5000, retries: 2 }
  const id = await agent.run({ ...sleeper, healthcheck })
  await expect.poll(async () => (await agent.inspect(id)).state.health?.status).toBe('unhealthy')
  await agent.exec(id, ['touch', '/well'])
  await expect.poll(async () => (await agent.inspect(id)).state.health?.status).toBe('healthy')
  await expect.poll(() => actions).toEqual(['health_status: unhealthy', 'health_status: healthy'])
  expect((await agent.inspect(id)).state.health?.log.at(-1)).toMatchObject({ exitCode: 0 })
  await agent.remove(id, { force: true })
  abort.abort()
  await reading
})

test('a plan shows what a start would do, and makes nothing', async () => {
  const spec = { image: 'busybox', command: ['echo', 'hi'], mounts: [{ type: 'volume' as const, target: '/data' }] }
  const { ops } = await client.call('container.plan', { projectId, spec })
  expect(ops.at(-1)).toEqual(['exec', 'echo', 'hi'])
  expect(ops.map(([name]) => name)).toEqual(expect.arrayContaining(['overlay', 'proc', 'pivot', 'seccomp', 'user']))
  expect(await client.call('container.list', { projectId })).toEqual([])
  expect(await client.call('volume.list', { projectId })).toEqual([])
})

test('events come in order, with docker attributes', async () => {
  const abort = new AbortController()
  const events: EngineEvent[] = []
  const stream = client.stream('system.events', { projectId }, { signal: abort.signal })
  const reading = (async () => {
    for await (const event of stream) events.push(event)
  })().catch(() => {})
  const id = await agent.run({ command: ['sh', '-c', 'exit 2'], labels: { l: 'v' }, name: 'evented' })
  await agent.wait(id)
  await agent.remove(id)
  const own = () => events.filter((event) => event.id === id)
  await expect.poll(() => own().map((event) => event.action)).toEqual(['create', 'start', 'die', 'destroy'])
  expect(own()[2]?.attributes).toMatchObject({ exitCode: '2', name: 'evented', l: 'v', execDuration: '0' })
  expect(own().map((event) => event.seq)).toEqual(
    own()
      .map((event) => event.seq)
      .toSorted((a, b) => a - b),
  )
  abort.abort()
  await reading
})

test('repeating an operation id gives the first result', async () => {
  const request = { projectId, operationId: 'operation-1', spec: { image: 'busybox' }, policy: hostAdminPolicy }
  const [first, second] = await Promise.all([client.call('container.create', request), client.call('container.create', request)])
  expect(second).toEqual(first)
  await agent.remove(first.id)
})
