import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** Namespaces that are shared, seen from inside. */
let agent: TestAgent

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

const sleeper = { command: ['sleep', '1000'] }
const shell = async (id: string, line: string) => (await agent.exec(id, ['sh', '-c', line])).stdout.trim()
const namespace = async (id: string, type: string) => readlinkSync(`/proc/${(await agent.inspect(id)).state.pid}/ns/${type}`)

describe('container:X', () => {
  test.each(['bridge', 'none'])("its processes, with a network of one's own (%s)", async (networkMode) => {
    const donor = await agent.run({ ...sleeper, env: ['SECRET=donor'] })
    const { name } = await agent.inspect(donor)
    const joiner = await agent.run({ command: ['sleep', '2000'], pidMode: `container:${name}`, networkMode })
    expect(await namespace(joiner, 'pid')).toBe(await namespace(donor, 'pid'))
    expect(await namespace(joiner, 'user')).toBe(await namespace(donor, 'user'))
    for (const own of ['net', 'ipc', 'mnt', 'uts']) expect(await namespace(joiner, own)).not.toBe(await namespace(donor, own))
    expect((await shell(joiner, 'ps')).match(/sleep [12]000/g)).toEqual(['sleep 1000', 'sleep 2000'])
    // Rights over it as root of the same user namespace: its files and variables are seen, and it can be ended.
    expect(await shell(joiner, 'tr "\\0" "\\n" </proc/1/environ | grep SECRET; ls -d /proc/1/root/bin')).toBe(
      'SECRET=donor\n/proc/1/root/bin',
    )
    expect(await shell(joiner, 'ls /sys/class/net')).toBe(networkMode === 'bridge' ? 'eth0\nlo' : 'lo')
    if (networkMode === 'bridge') {
      const { endpoints } = await agent.inspect(joiner)
      expect(await shell(joiner, 'ip -4 addr show eth0')).toContain(endpoints[0]?.ipv4Address)
      expect(await shell(joiner, `ping -c 1 -W 5 ${endpoints[0]?.ipv4Gateway} | grep -c "1 packets received"`)).toBe('1')
    }
    // The end of process 1 is the end of all in its namespace.
    await agent.client.call('container.kill', { projectId: agent.projectId, container: donor })
    expect((await agent.wait(joiner)).exitCode).toBe(137)
    for (const one of [joiner, donor]) await agent.remove(one)
  })

  test('its IPC: semaphores, queues and /dev/shm, of shareable ones only', async () => {
    const closed = await agent.run(sleeper)
    await expect(agent.create({ ipcMode: `container:${closed}` })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('not shareable'),
    })
    const donor = await agent.run({ ...sleeper, ipcMode: 'shareable', shmSizeBytes: 3 * 1024 * 1024 })
    const joiner = await agent.run({ ...sleeper, ipcMode: `container:${donor}` })
    expect(await namespace(joiner, 'ipc')).toBe(await namespace(donor, 'ipc'))
    expect(await namespace(joiner, 'net')).not.toBe(await namespace(donor, 'net'))
    await shell(donor, 'echo from donor >/dev/shm/a')
    expect(await shell(joiner, 'cat /dev/shm/a; echo from joiner >/dev/shm/b; df -k /dev/shm | tail -1')).toMatch(/^from donor\n.* 3072 /)
    expect(await shell(donor, 'cat /dev/shm/b; stat -c "%u %a" /dev/shm/b')).toBe('from joiner\n0 644')
    expect(await shell(joiner, 'ls -d /dev/mqueue; cat /proc/mounts | grep -c "^[a-z]* /dev/mqueue mqueue"')).toBe('/dev/mqueue\n1')
    for (const one of [joiner, donor, closed]) await agent.remove(one, { force: true })
  })

  test('processes of one and network of another cannot be had together', async () => {
    const [a, b] = [await agent.run(sleeper), await agent.run(sleeper)]
    const spec = { ...sleeper, pidMode: `container:${a}`, networkMode: `container:${b}` }
    await expect(agent.create(spec)).rejects.toMatchObject({ code: 'unsupported', detail: { field: 'pidMode' } })
    const both = await agent.run({ ...spec, networkMode: `container:${a}` })
    expect(await namespace(both, 'net')).toBe(await namespace(a, 'net'))
    expect((await shell(both, 'ps')).match(/sleep 1000/g)).toHaveLength(2)
    const files = 'cat /etc/hosts /etc/resolv.conf'
    expect(await shell(both, files)).toBe(await shell(a, files))
    expect(await shell(both, files)).toContain(a.slice(0, 12))
    for (const one of [both, a, b]) await agent.remove(one, { force: true })
  })

  test("the host's users are joined only by one that has them", async () => {
    const donor = await agent.run({ ...sleeper, userns: 'host' })
    await expect(agent.create({ pidMode: `container:${donor}` })).rejects.toMatchObject({ code: 'invalid_input' })
    const joiner = await agent.run({ ...sleeper, pidMode: `container:${donor}`, userns: 'host' })
    expect((await shell(joiner, 'ps')).match(/sleep 1000/g)).toHaveLength(2)
    for (const one of [joiner, donor]) await agent.remove(one, { force: true })
  })
})

test("the host's namespaces", async () => {
  const own = (type: string) => readlinkSync(`/proc/self/ns/${type}`)
  const pid = await agent.run({ ...sleeper, pidMode: 'host' })
  expect(await namespace(pid, 'pid')).toBe(own('pid'))
  expect((await shell(pid, `cat /proc/${process.pid}/comm`)).length).toBeGreaterThan(0)
  const ipc = await agent.run({ ...sleeper, ipcMode: 'host' })
  expect(await namespace(ipc, 'ipc')).toBe(own('ipc'))
  const uts = await agent.run({ ...sleeper, utsMode: 'host' })
  expect([await namespace(uts, 'uts'), await shell(uts, 'hostname; echo $HOSTNAME')]).toEqual([own('uts'), `${hostname()}\n${hostname()}`])
  expect(await namespace(uts, 'user')).not.toBe(own('user'))
  const users = await agent.run({ ...sleeper, userns: 'host' })
  expect(await namespace(users, 'user')).toBe(own('user'))
  const network = await agent.run({ ...sleeper, networkMode: 'host', extraHosts: ['up:10.0.0.1'] })
  const servers = (text: string) => text.match(/^nameserver .*/gm)
  expect(await shell(network, 'tail -1 /etc/hosts')).toBe('10.0.0.1\tup')
  expect(servers(await shell(network, 'cat /etc/resolv.conf'))).toEqual(servers(readFileSync('/etc/resolv.conf', 'utf8')))
  const groups = await agent.run({ ...sleeper, cgroupnsMode: 'host' })
  expect(await namespace(groups, 'cgroup')).toBe(own('cgroup'))
  // The host's tree, read-only: its own group lies in it.
  const membership = (await shell(groups, 'cat /proc/self/cgroup')).split('\n')
  const [, controllers = '', path = ''] = (membership.find((line) => line.includes(':pids:')) ?? membership.at(-1) ?? '').split(':')
  expect(path).toContain(groups)
  expect(await shell(groups, `cat /sys/fs/cgroup/${controllers}${path}/pids.max; touch /sys/fs/cgroup/x 2>&1`)).toMatch(
    /^2048\n.*Read-only/,
  )
  for (const one of [pid, ipc, uts, users, network, groups]) await agent.remove(one, { force: true })
})

test('ipc none has no shared memory, private and shareable have their own', async () => {
  const none = await agent.run({ ...sleeper, ipcMode: 'none' })
  expect(await shell(none, 'ls -d /dev/shm 2>&1')).toContain('No such file')
  const shareable = await agent.run({ ...sleeper, ipcMode: 'shareable' })
  expect(await namespace(shareable, 'ipc')).not.toBe(readlinkSync('/proc/self/ns/ipc'))
  expect(await shell(shareable, 'df -k /dev/shm | tail -1')).toContain(' 65536 ')
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(agent.dataDir)
  for (const one of [none, shareable]) await agent.remove(one, { force: true })
})
