import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ContainerSpecInput, developerPolicy, hostAdminPolicy } from '@gantry/contracts'
import { TestAgent } from './testing/test-agent.ts'
import { TestVolumePlugin } from './testing/volume-plugin.ts'

let agent: TestAgent
const host = mkdtempSync('/var/lib/gantry-test-volumes-')

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  rmSync(host, { recursive: true, force: true })
})

const projectId = 'default'
const create = (name: string, options: Record<string, string>, more: { driver?: string; policy?: typeof developerPolicy } = {}) => {
  const { driver, policy = hostAdminPolicy } = more
  return agent.client.call('volume.create', { projectId, spec: { name, options, ...(driver ? { driver } : {}) }, policy })
}
const sleeper = (mounts: ContainerSpecInput['mounts']) => agent.run({ command: ['sleep', '1000'], mounts })
const sh = async (container: string, script: string) => {
  const { stdout, stderr } = await agent.exec(container, ['sh', '-c', script])
  return stdout + stderr
}
const hostMounts = () => readFileSync('/proc/self/mountinfo', 'utf8')

test('a bind volume is a folder of the host, for who may mount it; a link that comes in later is refused', async () => {
  const folder = join(host, 'bound')
  mkdirSync(folder)
  writeFileSync(join(folder, 'file'), 'from the host\n')
  const options = { type: 'none', o: 'bind,ro', device: folder }
  await expect(create('refused', options, { policy: developerPolicy })).rejects.toMatchObject({ code: 'forbidden' })
  const viaMount: ContainerSpecInput['mounts'] = [{ type: 'volume', source: 'refused', target: '/v', driverOptions: options }]
  const spec = { image: 'busybox', mounts: viaMount }
  await expect(agent.client.call('container.create', { projectId, spec, policy: developerPolicy })).rejects.toMatchObject({
    code: 'forbidden',
  })
  expect(await create('bound', options)).toMatchObject({ name: 'bound', driver: 'local', options })
  const id = await sleeper([{ type: 'volume', source: 'bound', target: '/v' }])
  expect(await sh(id, 'cat /v/file; touch /v/x')).toBe('from the host\ntouch: /v/x: Read-only file system\n')
  await agent.client.call('container.stop', { projectId, container: id, timeoutSeconds: 0 })
  rmSync(folder, { recursive: true })
  symlinkSync('/etc', folder)
  await expect(agent.client.call('container.start', { projectId, container: id })).rejects.toThrow(/open mount source/)
  await agent.remove(id, { force: true })
})

test('a tmpfs volume is shared by the containers that use it, and gone with the last of them, also after the agent died', async () => {
  await create('memory', { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,mode=777' })
  const mounts: ContainerSpecInput['mounts'] = [{ type: 'volume', source: 'memory', target: '/m' }]
  const [first, second] = [await sleeper(mounts), await sleeper(mounts)]
  await sh(first, 'echo shared > /m/file')
  expect(await sh(second, 'cat /m/file; stat -c %u /m/file; grep " /m " /proc/mounts')).toMatch(
    /^shared\n0\ntmpfs \/m tmpfs rw.*size=1024k/,
  )
  await agent.kill()
  await agent.start()
  await agent.remove(first, { force: true })
  expect(await sh(second, 'cat /m/file')).toBe('shared\n')
  expect(hostMounts()).toContain(`${agent.dataDir}/volumes/default/memory/_data`)
  await agent.remove(second, { force: true })
  while (hostMounts().includes(`${agent.dataDir}/volumes/`)) await new Promise((resolve) => setTimeout(resolve, 20))
  const third = await sleeper(mounts)
  expect(await sh(third, 'ls /m')).toBe('')
  await agent.remove(third, { force: true })
})

test('a disk is mounted by its containers and never on the host', async () => {
  const image = join(host, 'disk')
  execFileSync('truncate', ['-s', '16M', image])
  execFileSync('mkfs.ext4', ['-q', image])
  const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim()
  try {
    await create('disk', { type: 'ext4', device, o: 'noatime' })
    const id = await sleeper([{ type: 'volume', source: 'disk', target: '/disk' }])
    expect(await sh(id, 'echo kept > /disk/file; grep " /disk " /proc/mounts | cut -d" " -f1,3,4')).toMatch(/^\S+ ext4 rw,.*noatime/)
    expect(hostMounts()).not.toContain(`${device} `)
    await agent.remove(id, { force: true })
    const again = await sleeper([{ type: 'volume', source: 'disk', target: '/disk', readOnly: true }])
    expect(await sh(again, 'cat /disk/file; touch /disk/x')).toBe('kept\ntouch: /disk/x: Read-only file system\n')
    await agent.remove(again, { force: true })
  } finally {
    execFileSync('losetup', ['-d', device])
  }
})

test('a plugin makes, mounts and removes its volumes, and its own words come back', async () => {
  const folder = join(host, 'plugin')
  await using plugin = new TestVolumePlugin(folder)
  await plugin.listen()
  const driver = plugin.name
  await expect(create('p', {}, { driver: 'gantry-no-such-plugin' })).rejects.toThrow('plugin "gantry-no-such-plugin" not found')
  await expect(create('p', {}, { driver, policy: developerPolicy })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(create('p', { fail: 'out of disks' }, { driver })).rejects.toThrow('VolumeDriver.Create: out of disks')
  expect(await create('p', { a: 'b' }, { driver })).toMatchObject({
    driver,
    options: { a: 'b' },
    status: { folders: 1 },
    mountpoint: join(folder, 'p'),
  })
  const id = await sleeper([{ type: 'volume', source: 'p', target: '/p' }])
  await sh(id, 'echo through > /p/file')
  expect(readFileSync(join(folder, 'p/file'), 'utf8')).toBe('through\n')
  await agent.kill()
  await agent.start()
  await agent.client.call('container.stop', { projectId, container: id, timeoutSeconds: 0 })
  await agent.remove(id)
  await agent.client.call('volume.remove', { projectId, volume: 'p' })
  const asked = plugin.calls.filter((call) => !/^(Get|Path)|Activate/.test(call))
  expect(asked).toEqual(['Create p', 'Create p', `Mount p ${id.slice(0, 6)}`, `Unmount p ${id.slice(0, 6)}`, 'Remove p'])
})

test('the files of an image, all or some, read-only and pinned while they are mounted', async () => {
  const id = await sleeper([
    { type: 'image', source: 'busybox', target: '/image' },
    { type: 'image', source: 'busybox', target: '/some', subpath: 'bin' },
  ])
  expect(await sh(id, 'test -x /image/bin/sh && test -x /some/sh && echo there; stat -c %u /image; touch /some/x')).toBe(
    'there\n0\ntouch: /some/x: Read-only file system\n',
  )
  const missing = agent.run({ mounts: [{ type: 'image', source: 'no-such-image', target: '/i' }] })
  await expect(missing).rejects.toMatchObject({ code: 'not_found' })
  await agent.remove(id, { force: true })
})

test('a volume goes out as a tar and comes in again, whole or not at all, and is copied', async () => {
  const id = await sleeper([{ type: 'volume', source: 'data', target: '/data' }])
  await sh(
    id,
    'mkdir /data/d; echo one > /data/d/f; chown 5:6 /data/d/f; chmod 640 /data/d/f; ln -s d/f /data/link; ln /data/d/f /data/same; chown 7:8 /data; chmod 750 /data',
  )
  await agent.remove(id, { force: true })
  const tar = await exported('data')
  await agent.client.call('volume.create', { projectId, spec: { name: 'back' } })
  await imported('back', tar)
  await agent.client.call('volume.clone', { projectId, volume: 'data', name: 'copy' })
  const reader = await sleeper(['back', 'copy'].map((source) => ({ type: 'volume' as const, source, target: `/${source}` })))
  const seen = 'cat link; stat -c "%u:%g %a" .; stat -c "%u:%g %a %h" d/f; readlink link'
  expect(await sh(reader, `cd /back; ${seen}; cd /copy; ${seen}`)).toBe('one\n7:8 750\n5:6 640 2\nd/f\none\n7:8 750\n5:6 640 2\nd/f\n')
  await agent.remove(reader, { force: true })
  await expect(imported('back', tar)).rejects.toMatchObject({ code: 'wrong_state', message: 'volume back is not empty' })
  await agent.client.call('volume.create', { projectId, spec: { name: 'broken' } })
  await expect(imported('broken', tar.subarray(0, 1200))).rejects.toMatchObject({ code: 'invalid_input' })
  expect(existsSync(join(agent.dataDir, 'volumes/default/broken/_data/d'))).toBe(false)
  await imported('broken', tar)
})

async function exported(volume: string): Promise<Buffer> {
  const { channel, result } = agent.client.duplex('volume.export', { projectId, volume })
  channel.end()
  const chunks: Uint8Array[] = []
  for await (const chunk of channel.incoming) chunks.push(chunk)
  const tar = Buffer.concat(chunks)
  expect((await result).bytes).toBe(tar.length)
  return tar
}

async function imported(volume: string, tar: Uint8Array): Promise<void> {
  const { channel, result } = agent.client.duplex('volume.import', { projectId, volume })
  result.catch(() => {})
  await channel.write(tar).catch(() => {})
  channel.end()
  await result
}
