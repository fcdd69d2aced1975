import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developerPolicy } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** Flags of a container, seen from inside. */
let agent: TestAgent

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

const sleeper = { command: ['sleep', '1000'] }
const shell = async (id: string, line: string) => (await agent.exec(id, ['sh', '-c', line])).stdout.trim()

describe('devices', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-devices-'))
    mkdirSync(`${folder}/below`)
    execFileSync('mknod', [`${folder}/zero`, 'c', '1', '5'])
    execFileSync('mknod', [`${folder}/below/full`, 'c', '1', '7'])
    chmodSync(`${folder}/zero`, 0o640)
    chownSync(`${folder}/zero`, 0, 6)
    symlinkSync('zero', `${folder}/link`)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('belong to the container’s ids as they do to the host’s, and can be used', async () => {
    const id = await agent.run({ ...sleeper, devices: [{ hostPath: `${folder}/zero`, containerPath: '/dev/own', permissions: 'r' }] })
    expect(await shell(id, 'stat -c "%t:%T %u:%g %a" /dev/own')).toBe('1:5 0:6 640')
    expect(await shell(id, 'head -c 3 /dev/own | wc -c; echo x 2>&1 >/dev/own || echo refused')).toContain('3')
    expect((await agent.exec(id, ['head', '-c', '1', '/dev/own'], { user: '1000' })).exitCode).not.toBe(0)
    expect((await agent.exec(id, ['head', '-c', '1', '/dev/own'], { user: '1000:6' })).exitCode).toBe(0)
    // The host's own node is not touched by what root inside does with it.
    await shell(id, 'chmod 666 /dev/own')
    expect(statSync(`${folder}/zero`).mode & 0o777).toBe(0o640)
    await agent.remove(id, { force: true })
  })

  test('of a folder are found below it; a link leads to its device', async () => {
    const id = await agent.run({ ...sleeper, devices: [{ hostPath: folder, containerPath: '/dev/set' }, { hostPath: `${folder}/link` }] })
    expect(await shell(id, 'cd /dev/set; find . -type c | sort')).toBe('./below/full\n./link\n./zero')
    expect(await shell(id, `stat -c "%t:%T" ${folder}/link /dev/set/below/full`)).toBe('1:5\n1:7')
    const { id: none } = await agent.create({ ...sleeper, devices: [{ hostPath: '/etc' }] })
    await expect(agent.client.call('container.start', { projectId: agent.projectId, container: none })).rejects.toMatchObject({
      message: expect.stringContaining('/etc is not a device'),
    })
    for (const one of [id, none]) await agent.remove(one, { force: true })
  })

  test('are all there in a privileged container, those in folders too', async () => {
    const id = await agent.run({ ...sleeper, privileged: true })
    const nodes = (text: string) =>
      text.split('\n').filter((path) => path !== '/dev/console' && path !== '/dev/ptmx' && !path.startsWith('/dev/pts'))
    const host = execFileSync('find', ['/dev', '-xdev', '(', '-type', 'c', '-o', '-type', 'b', ')']).toString().trim()
    expect(nodes(await shell(id, 'find /dev -xdev ! -name console \\( -type c -o -type b \\); find /dev -type c -o -type b'))).toEqual(
      expect.arrayContaining(nodes(host)),
    )
    await agent.remove(id, { force: true })
  })
})

test('mounts of other containers are taken over, read-only where asked', async () => {
  const { id: data } = await agent.create({
    ...sleeper,
    name: 'data',
    mounts: [
      { type: 'volume', source: 'shared', target: '/shared' },
      { type: 'volume', target: '/anonymous' },
      { type: 'volume', source: 'hidden', target: '/own' },
      { type: 'tmpfs', target: '/scratch' },
    ],
  })
  const user = await agent.run({
    ...sleeper,
    volumesFrom: [{ container: 'data' }],
    mounts: [{ type: 'volume', source: 'mine', target: '/own' }],
  })
  const reader = await agent.run({ ...sleeper, volumesFrom: [{ container: 'data', readOnly: true }] })
  await shell(user, 'echo a >/shared/f; echo b >/anonymous/f; echo c >/own/f')
  expect(await shell(reader, 'cat /shared/f /anonymous/f; ls /own /scratch 2>&1')).toMatch(
    /^a\nb\nls: \/scratch: No such file or directory\n\/own:$/,
  )
  expect(await shell(reader, 'echo x 2>&1 >/shared/f; true')).toContain('Read-only file system')
  expect((await agent.inspect(user)).spec.volumesFrom).toEqual([{ container: data, readOnly: false }])
  for (const one of [user, reader, data]) await agent.remove(one, { force: true, volumes: true })
})

test('a folder that only an administrator may mount is not taken over by a developer', async () => {
  const { id } = await agent.create({ ...sleeper, name: 'admin', mounts: [{ type: 'bind', source: tmpdir(), target: '/host' }] })
  const spec = { image: 'busybox', volumesFrom: [{ container: 'admin' }] }
  await expect(agent.client.call('container.create', { projectId: agent.projectId, spec, policy: developerPolicy })).rejects.toMatchObject({
    code: 'forbidden',
    detail: { field: 'mounts' },
  })
  await agent.remove(id)
})

test('always comes back after the agent was away though it was stopped by hand, unless-stopped does not', async () => {
  const stopped: string[] = []
  for (const name of ['always', 'unless-stopped'] as const) stopped.push(await agent.run({ ...sleeper, restart: { name } }))
  for (const container of stopped) await agent.client.call('container.stop', { projectId: agent.projectId, container, timeoutSeconds: 0 })
  await agent.kill()
  await agent.start()
  const [always = '', unlessStopped = ''] = stopped
  await expect.poll(async () => (await agent.inspect(always)).state.status).toBe('running')
  expect((await agent.inspect(unlessStopped)).state.status).toBe('exited')
  for (const one of stopped) await agent.remove(one, { force: true })
})
