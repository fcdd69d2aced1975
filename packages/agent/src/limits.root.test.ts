import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { hostAdminPolicy } from '@gantry/contracts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** What a project and its containers may use, as the agent's callers see it. */
let agent: TestAgent
const MiB = 2 ** 20

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

test("a project's limit holds over the sum of its containers, and can be changed while they run", async () => {
  const { client } = agent
  await client.call('project.apply', { id: 'team', resources: { memoryBytes: 128 * MiB, pidsLimit: 40 } })
  const spec = { image: 'busybox', command: ['sleep', '1000'], resources: { memoryBytes: 64 * MiB } }
  const { id } = await client.call('container.create', { projectId: 'team', spec, policy: hostAdminPolicy })
  await client.call('container.start', { projectId: 'team', container: id })
  const limits = async () => {
    const [stats] = await client.call('project.stats', { ids: ['team'] })
    return [stats?.memory.limitBytes, stats?.pids.limit, stats?.pids.current]
  }
  expect(await limits()).toEqual([128 * MiB, 40, 1])
  await client.call('project.apply', { id: 'team', resources: { memoryBytes: 96 * MiB, pidsLimit: 4 } })
  expect(await limits()).toEqual([96 * MiB, 4, 1])
  const command = ['sh', '-c', 'for i in 1 2 3 4 5 6; do sleep 1000 & done; wait']
  const crowd = await client.call('exec.run', { projectId: 'team', container: id, spec: { command } })
  expect(crowd.exitCode).not.toBe(0)
  expect(crowd.stderr).toContain("can't fork")
  await client.call('container.remove', { projectId: 'team', container: id, force: true })
  await client.call('project.remove', { id: 'team' })
})

test('a group named by cgroupParent lies in the project’s: limits hold, it goes with its last container, also after a crash', async () => {
  const { client } = agent
  const groups = () => execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', 'sub-*', '-path', '*/nest/*'], { encoding: 'utf8' })
  const project = (cpus: number, pidsLimit: number) =>
    client.call('project.apply', { id: 'nest', resources: { nanoCpus: cpus * 1e9, pidsLimit } })
  const make = async (cgroupParent: string) => {
    const spec = { image: 'busybox', command: ['sleep', '1000'], cgroupParent, cgroupnsMode: 'host' as const, resources: { nanoCpus: 1e9 } }
    const { id } = await client.call('container.create', { projectId: 'nest', spec, policy: hostAdminPolicy })
    await client.call('container.start', { projectId: 'nest', container: id })
    return id
  }
  const shell = async (id: string, line: string) =>
    (await client.call('exec.run', { projectId: 'nest', container: id, spec: { command: ['sh', '-c', line] } })).stdout.trim()
  await project(1, 6)
  const deep = await make('/web/front')
  const upper = await make('web')
  const inside = await shell(deep, 'cat /proc/self/cgroup')
  expect(inside).toMatch(new RegExp(`/nest/sub-web/sub-front/${deep}$`, 'm'))
  const { cgroupPath, spec } = await client.call('container.inspect', { projectId: 'nest', container: deep })
  expect([cgroupPath.split('/').slice(2).join('/'), spec.cgroupParent]).toEqual([`nest/sub-web/sub-front/${deep}`, '/web/front'])
  // The project's limit on processes counts both, and its cpu time can fall below what a container deep inside has.
  const command = ['sh', '-c', 'for i in 1 2 3 4 5 6 7; do sleep 1000 & done; wait']
  expect((await client.call('exec.run', { projectId: 'nest', container: deep, spec: { command } })).stderr).toContain("can't fork")
  await project(0.5, 100)
  await agent.kill()
  await agent.start()
  expect(await shell(upper, 'echo still here')).toBe('still here')
  await client.call('container.remove', { projectId: 'nest', container: deep, force: true })
  expect(groups()).not.toContain('sub-front')
  expect(groups()).toContain('sub-web')
  await client.call('container.remove', { projectId: 'nest', container: upper, force: true })
  expect(groups()).toBe('')
  for (const cgroupParent of ['..', '/', 'a/../b', 'a//b', 'a/b/c/d/e/f/g/h/i']) {
    await expect(agent.create({ cgroupParent })).rejects.toMatchObject({ code: 'invalid_input', detail: { field: 'spec.cgroupParent' } })
  }
  await client.call('project.remove', { id: 'nest' })
})

const isV2 = !readFileSync('/proc/self/mountinfo', 'utf8').includes(' - cgroup cgroup ')

test.runIf(isV2)('writable cgroups: the container divides what it was given, and cannot have more', async () => {
  const resources = { memoryBytes: 64 * MiB, pidsLimit: 50 }
  const id = await agent.run({ command: ['sleep', '1000'], resources, writableCgroups: true })
  const shell = async (line: string) => (await agent.exec(id, ['sh', '-c', line])).stdout.trim()
  const divide = 'cd /sys/fs/cgroup && mkdir leaf && for p in $(cat cgroup.procs); do echo $p >leaf/cgroup.procs; done; '
  expect(await shell(`${divide} echo "+pids +memory" >cgroup.subtree_control; mkdir part; echo 7 >part/pids.max; cat part/pids.max`)).toBe(
    '7',
  )
  for (const line of ['echo max >/sys/fs/cgroup/memory.max', 'echo max >/sys/fs/cgroup/pids.max']) {
    expect(await shell(`(${line}) 2>/dev/null && echo went || echo refused`)).toBe('refused')
  }
  // By now its own group takes no process: an exec lands beside the first one.
  expect(await shell('cat /proc/self/cgroup')).toBe('0::/leaf')
  const { processes } = await agent.client.call('container.top', { projectId: agent.projectId, container: id })
  expect(processes.length).toBeGreaterThanOrEqual(1)
  const { cgroupPath } = await agent.inspect(id)
  await agent.remove(id, { force: true })
  expect(existsSync(`/sys/fs/cgroup${cgroupPath}`)).toBe(false)
  const plain = await agent.run({ command: ['sleep', '1000'] })
  expect((await agent.exec(plain, ['sh', '-c', 'mkdir /sys/fs/cgroup/x 2>&1'])).stdout).toContain('Read-only')
  await agent.remove(plain, { force: true })
  await expect(agent.create({ writableCgroups: true, cgroupnsMode: 'host' })).rejects.toMatchObject({ code: 'unsupported' })
})

test.runIf(!isV2)('writable cgroups are refused where groups cannot be left to a container', async () => {
  await expect(agent.create({ writableCgroups: true })).rejects.toMatchObject({
    code: 'unsupported',
    message: 'writable cgroups need cgroup v2: older groups cannot be left to a container',
  })
})

test('a project that still has something is kept, unless by force', async () => {
  const { client } = agent
  await client.call('project.apply', { id: 'full' })
  await client.call('container.create', { projectId: 'full', spec: { image: 'busybox' }, policy: hostAdminPolicy })
  await expect(client.call('project.remove', { id: 'full' })).rejects.toMatchObject({
    code: 'wrong_state',
    detail: { value: '1 containers' },
  })
  expect(await client.call('project.usage', { ids: ['full'] })).toMatchObject([{ id: 'full', containers: 1, running: 0 }])
  await client.call('project.remove', { id: 'full', force: true })
  await expect(client.call('project.remove', { id: 'full' })).rejects.toMatchObject({ code: 'not_found' })
  expect((await client.call('project.list', {})).map((project) => project.id)).toEqual(['default'])
})

test.each([
  ['cpus that are not there', { cpusetCpus: '4000' }],
  ['a device that is not there', { blkioReadBps: [{ device: '/dev/none', rate: 1000 }] }],
])('%s are refused at once, and nothing is made', async (_name, resources) => {
  await expect(agent.create({ resources })).rejects.toMatchObject({ code: 'invalid_input' })
  expect(await agent.client.call('container.list', {})).toEqual([])
})

test('an unknown image, a bad name and an impossible limit each have their message', async () => {
  await expect(agent.create({ image: 'no/such:image' })).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringContaining('no/such'),
  })
  await expect(agent.create({ name: '-bad' })).rejects.toMatchObject({ code: 'invalid_input', detail: { field: 'spec.name' } })
  await expect(agent.create({ resources: { memoryBytes: -1 } })).rejects.toMatchObject({
    code: 'invalid_input',
    detail: { field: 'spec.resources.memoryBytes' },
  })
  const spec = { image: 'busybox', privileged: true }
  const policy = { hostAccess: false, bindSources: [], capabilities: [], minHostPort: 1024 }
  await expect(agent.client.call('container.create', { projectId: 'default', spec, policy })).rejects.toMatchObject({ code: 'forbidden' })
})

test('a port that is in use is refused, and free again after the stop', async () => {
  const ports = [{ containerPort: 80, hostPort: 45_871 }]
  const first = await agent.run({ command: ['sleep', '1000'], ports })
  const second = await agent.create({ command: ['sleep', '1000'], ports })
  const start = () => agent.client.call('container.start', { projectId: 'default', container: second.id })
  await expect(start()).rejects.toMatchObject({ message: expect.stringContaining('45871') })
  await agent.client.call('container.stop', { projectId: 'default', container: first, timeoutSeconds: 0 })
  await start()
  for (const id of [first, second.id]) await agent.remove(id, { force: true })
})
