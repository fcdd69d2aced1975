import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { settledCounts } from './testing/kernel-counts.ts'
import { TestAgent } from './testing/test-agent.ts'

/** `kill -9` of the agent: containers go on, nothing is lost, and whatever a verb left half done is completed or undone. */
let agent: TestAgent
const projectId = 'default'

beforeEach(async () => {
  agent = await TestAgent.start()
})
afterEach(async () => {
  await agent[Symbol.asyncDispose]()
})

describe('the agent is killed', () => {
  test('running containers go on, their logs have no gap, and they can be used afterwards', async () => {
    const command = ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.002; done']
    const ids = await Promise.all(Array.from({ length: 5 }, () => agent.run({ command })))
    const pids = await Promise.all(ids.map(async (id) => (await agent.inspect(id)).state.pid))
    await agent.kill()
    expect(pids.every((pid) => existsSync(`/proc/${pid}`))).toBe(true)
    await agent.start()
    for (const [index, id] of ids.entries()) {
      expect((await agent.inspect(id)).state).toMatchObject({ status: 'running', pid: pids[index] })
      expect((await agent.exec(id, ['echo', 'alive'])).stdout).toBe('alive\n')
      await agent.client.call('container.stop', { projectId, container: id, timeoutSeconds: 0 })
      const lines = await agent.logs(id)
      expect(lines).toEqual(lines.map((_, line) => String(line + 1)))
    }
  })

  test('told to end while the launcher does not answer, it ends all the same, and the next one goes on', async () => {
    const id = await agent.run({ command: ['sleep', '1000'] })
    const children = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, 'utf8').trim().split(' ').map(Number)
    const launcher = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('gantry-launcher'))
    if (!launcher) throw new Error('the agent has no launcher')
    process.kill(launcher, 'SIGSTOP')
    const unanswered = agent.run({ command: ['sleep', '1000'] }).catch((error: { code: string }) => error.code)
    await agent.stop()
    expect(['cancelled', 'unavailable']).toContain(await unanswered)
    process.kill(launcher, 'SIGCONT')
    await agent.start()
    expect((await agent.exec(id, ['echo', 'alive'])).stdout).toBe('alive\n')
  })

  test('exits that happened while it was away are told, once, with their codes', async () => {
    const waiting = (code: number) => ['sh', '-c', `trap "exit ${code}" USR1; echo ready; while :; do sleep 0.05; done`]
    const ids = await Promise.all([1, 2, 3].map((code) => agent.run({ command: waiting(code) })))
    const pids = await Promise.all(ids.map(async (id) => (await agent.inspect(id)).state.pid))
    for (const id of ids) await expect.poll(() => agent.logs(id)).toEqual(['ready'])
    await agent.kill()
    for (const pid of pids) process.kill(pid, 'SIGUSR1')
    await expect.poll(() => pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
    await agent.start()
    for (const [index, id] of ids.entries()) {
      expect(await agent.wait(id)).toEqual({ exitCode: index + 1, oomKilled: false, error: '' })
      expect((await agent.inspect(id)).state).toMatchObject({ status: 'exited', pid: 0 })
    }
  })

  test('restart policies and automatic removal act on what ended meanwhile', async () => {
    const again = await agent.run({ command: ['sleep', '1000'], restart: { name: 'always' } })
    const once = await agent.run({ command: ['sleep', '1000'], autoRemove: true })
    const stopped = await agent.run({ command: ['sleep', '1000'], restart: { name: 'unless-stopped' } })
    await agent.client.call('container.stop', { projectId, container: stopped, timeoutSeconds: 0 })
    const pids = await Promise.all([again, once].map(async (id) => (await agent.inspect(id)).state.pid))
    await agent.kill()
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await agent.start()
    await expect.poll(async () => (await agent.inspect(again)).state.status).toBe('running')
    await expect.poll(() => agent.inspect(once).catch((error) => error.code)).toBe('not_found')
    expect((await agent.inspect(stopped)).state.status).toBe('exited')
  })

  test('after the machine went down, policies start what should run, and the rest has ended', async () => {
    const command = ['sleep', '1000']
    const [always, plain, stopped] = [
      await agent.run({ command, restart: { name: 'always' } }),
      await agent.run({ command }),
      await agent.run({ command, restart: { name: 'unless-stopped' } }),
    ]
    await agent.client.call('container.stop', { projectId, container: stopped, timeoutSeconds: 0 })
    const pids = await Promise.all([always, plain].map(async (id) => (await agent.inspect(id)).state.pid))
    await agent.kill()
    // Monitors first, so that nobody is left to record the end.
    const monitors = pids.map(parentOf)
    for (const pid of [...monitors, ...pids]) process.kill(pid, 'SIGKILL')
    await expect.poll(() => pids.filter(alive)).toEqual([])
    rmSync(`${agent.runDir}/m`, { recursive: true })
    await agent.start()
    await expect.poll(async () => (await agent.inspect(always)).state.status).toBe('running')
    expect((await agent.inspect(plain)).state).toMatchObject({ status: 'exited', exitCode: 255, pid: 0 })
    expect((await agent.inspect(stopped)).state).toMatchObject({ status: 'exited', exitCode: 137 })
  })

  test('damaged state files are kept aside and rebuilt from what runs', async () => {
    const id = await agent.run({ command: ['sleep', '1000'] })
    const { pid } = (await agent.inspect(id)).state
    await agent.kill()
    const folder = `${agent.dataDir}/containers/${id}`
    writeFileSync(`${folder}/state.json`, readFileSync(`${folder}/state.json`, 'utf8').slice(0, 100))
    await agent.start()
    expect((await agent.inspect(id)).state).toMatchObject({ status: 'running', pid })
    expect(readdirSync(folder).some((name) => name.startsWith('state.json.bad-'))).toBe(true)
  })

  test('a terminal session goes on', async () => {
    const id = await agent.run({ command: ['sleep', '1000'] })
    const spec = { command: ['sh'], tty: true, openStdin: true, persistent: true }
    const session = (await agent.client.call('exec.create', { projectId, container: id, spec })).id
    const say = async (text: string, until: string) => {
      const abort = new AbortController()
      const input = { projectId, id: session, from: 0, columns: 80, rows: 24 }
      const { channel } = agent.client.duplex('exec.attach', input, { signal: abort.signal })
      await channel.write(Buffer.from(text))
      let seen = ''
      for await (const bytes of channel.incoming) {
        seen += Buffer.from(bytes).toString()
        if (seen.includes(until)) break
      }
      abort.abort()
      return seen
    }
    await say('X=$((20+3)); echo set-$X\n', 'set-23')
    await agent.kill()
    await agent.start()
    expect((await agent.client.call('exec.list', { projectId, container: id })).map((exec) => exec.id)).toEqual([session])
    expect(await say('echo still-$X\n', 'still-23')).toContain('set-23')
  })
})

const faults: Record<string, string[]> = {
  create: ['create.folder', 'create.snapshot', 'create.commit'],
  start: ['start.network', 'start.files', 'start.running'],
  remove: ['remove.begin', 'remove.tombstone', 'remove.volumes', 'remove.snapshot', 'remove.folder'],
}

describe.each(Object.entries(faults))('a fault during %s', (verb, points) => {
  test.each(points.flatMap((point) => [`${point}:kill`, `${point}:error`]))('%s is repaired, with nothing left', async (fault) => {
    const volume = { type: 'volume' as const, target: '/data', readOnly: false, noCopy: false }
    const spec = { name: 'victim', command: ['sleep', '1000'], mounts: [volume], ports: [{ containerPort: 80 }] }
    await use(spec)
    const before = await settledCounts(agent)
    if (verb !== 'create') await agent.create(spec)
    await agent.stop()
    await agent.start({ GANTRY_TEST: '1', GANTRY_FAULT: fault })
    const act = { create: () => agent.create(spec), start: () => start(), remove: () => agent.remove('victim', { volumes: true }) }[verb]
    // The last steps of a removal go on after its answer.
    const answer = await act?.().then(
      () => 'done',
      () => 'failed',
    )
    if (!/^remove.(snapshot|folder)/.test(fault)) expect(answer).toBe('failed')
    if (fault.endsWith(':kill')) await agent.ended()
    else await agent.stop()
    await agent.start()
    const [victim] = await agent.client.call('container.list', { projectId })
    // Whatever the verb came to, the container can be used or is not there.
    if (victim) {
      if (victim.state.status !== 'running') await start()
      expect((await agent.exec('victim', ['echo', 'well'])).stdout).toBe('well\n')
      await agent.remove('victim', { force: true, volumes: true })
    }
    await use(spec)
    await expect.poll(() => settledCounts(agent), { timeout: 20_000 }).toEqual(before)
  })

  /** A whole life, after which network and engine are as warm as before the fault. */
  async function use(spec: { name: string }) {
    await agent.run({ ...spec, command: ['true'] })
    await agent.wait(spec.name)
    await agent.remove(spec.name, { volumes: true })
  }

  const start = () => agent.client.call('container.start', { projectId, container: 'victim' })
})

test('recovery that is killed itself is done again', async () => {
  const id = await agent.run({ command: ['sleep', '1000'], name: 'kept' })
  const { state } = await agent.inspect(id)
  for (let i = 0; i < 3; i++) {
    await agent.kill()
    await agent.start()
  }
  expect((await agent.inspect(id)).state).toMatchObject({ status: 'running', pid: state.pid })
})

test('kills at random moments of many verbs at once leave whole containers or none', async () => {
  const spec = { command: ['sleep', '1000'], mounts: [{ type: 'volume' as const, target: '/data' }] }
  await agent.remove(await agent.run(spec), { force: true, volumes: true })
  const before = await settledCounts(agent)
  for (let round = 0; round < 8; round++) {
    const busy = Array.from({ length: 6 }, () => busily(spec))
    await setTimeout(20 + round * 15)
    await agent.kill()
    await Promise.all(busy)
    await agent.start()
    const { client } = agent
    for (const { id, state } of await client.call('container.list', { projectId })) {
      if (state.status !== 'running') await client.call('container.start', { projectId, container: id })
      expect((await agent.exec(id, ['echo', 'well'])).stdout).toBe('well\n')
      await agent.remove(id, { force: true, volumes: true })
    }
    for (const volume of await client.call('volume.list', { projectId })) expect(volume.usedBy).toEqual([])
    await client.call('volume.prune', { projectId, all: true })
  }
  await agent.remove(await agent.run(spec), { force: true, volumes: true })
  await expect.poll(() => settledCounts(agent), { timeout: 20_000 }).toEqual(before)
})

/** Not so a process that has ended and that nobody has asked about. */
function alive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** Whole lives one after the other, until the agent is gone. */
async function busily(spec: { command: string[] }): Promise<void> {
  for (;;) {
    try {
      const id = await agent.run(spec)
      await agent.client.call('container.stop', { projectId, container: id, timeoutSeconds: 0 })
      await agent.remove(id, { volumes: true })
    } catch {
      return
    }
  }
}

test('two agents never share a data folder', async () => {
  const second = new TestAgent()
  await expect(second.start({ GANTRY_DATA: agent.dataDir })).rejects.toThrow('another agent')
  await second[Symbol.asyncDispose]()
})

test('an orderly stop leaves containers running', async () => {
  const id = await agent.run({ command: ['sleep', '1000'] })
  const { pid } = (await agent.inspect(id)).state
  await agent.stop()
  expect(existsSync(`/proc/${pid}`)).toBe(true)
  expect(readdirSync(agent.runDir)).not.toContain('agent.lock')
  await agent.start()
  expect((await agent.inspect(id)).state).toMatchObject({ status: 'running', pid })
})
