import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mountLoopBtrfs } from '@gantry/engine/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

const lab = mkdtempSync('/var/lib/gantry-test-storage-')
const btrfs = join(lab, 'btrfs')

let unmount: () => void
beforeAll(() => {
  unmount = mountLoopBtrfs(lab)
})
afterAll(() => {
  unmount()
  rmSync(lab, { recursive: true, force: true })
})

/** Command lines of the programs that serve a file system of this data folder. */
const fuseServers = (dataDir: string) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
    .filter((line) => line.startsWith('/usr/bin/fuse-overlayfs') && line.includes(dataDir))

/** The program learns of the end of its file system a moment after the container's. */
async function noFuseServers(dataDir: string): Promise<void> {
  while (fuseServers(dataDir).length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
}

const script = '[ -e /ready ] || { echo mine > /etc/mine; rm /usr/bin/wget; touch /ready; }; exec sleep 1000'

test.each(['vfs', 'btrfs', 'fuse-overlayfs'] as const)('%s: containers with files of their own that outlive the agent', async (driver) => {
  const dataDir = mkdtempSync(join(driver === 'btrfs' ? btrfs : lab, 'data-'))
  const env = { GANTRY_DATA: dataDir, GANTRY_STORAGE_DRIVER: driver }
  const containers = () => readdirSync(join(dataDir, driver, 'containers'))
  await using agent = await TestAgent.start(env)
  const diff = async (container: string) => {
    const changes = await agent.client.call('container.diff', { projectId: agent.projectId, container })
    return changes.filter(({ path }) => /mine|wget/.test(path)).map(({ kind, path }) => `${kind} ${path}`)
  }
  const [first, second] = await Promise.all([agent.run({ command: ['sh', '-c', script] }), agent.run({ command: ['sleep', '1000'] })])
  const seen = 'until [ -e /ready ]; do :; done; cat /etc/mine; stat -c %u:%g /etc/mine /bin/busybox /; cat /proc/self/uid_map'
  const { stdout } = await agent.exec(first, ['sh', '-c', seen])
  expect(stdout).toMatch(/^mine\n0:0\n0:0\n0:0\n\s+0\s+[1-9]\d+\s+65536\n$/)
  expect((await agent.exec(second, ['ls', '/etc/mine', '/usr/bin/wget'])).stdout).toBe('/usr/bin/wget\n')
  expect(await diff(first)).toEqual(['added /etc/mine', 'deleted /usr/bin/wget'])
  expect(await diff(second)).toEqual([])
  expect(fuseServers(dataDir)).toHaveLength(driver === 'fuse-overlayfs' ? 2 : 0)

  await agent.kill()
  await agent.start({ GANTRY_DATA: dataDir })
  expect((await agent.exec(first, ['sh', '-c', 'echo more >> /etc/mine; cat /etc/mine'])).stdout).toBe('mine\nmore\n')
  const { storageDriver, sizeRwBytes } = await agent.client.call('container.inspect', {
    ...{ projectId: agent.projectId, container: first, size: true },
  })
  expect(storageDriver).toBe(driver)
  expect(sizeRwBytes).toBeGreaterThan(0)

  await agent.client.call('container.stop', { projectId: agent.projectId, container: first, timeoutSeconds: 0 })
  const stat = { projectId: agent.projectId, container: first }
  expect(await agent.client.call('container.archiveStat', { ...stat, path: '/etc/mine' })).toMatchObject({ name: 'mine' })
  await expect(agent.client.call('container.archiveStat', { ...stat, path: '/usr/bin/wget' })).rejects.toMatchObject({ code: 'not_found' })
  await agent.client.call('container.start', { projectId: agent.projectId, container: first })
  expect((await agent.exec(first, ['cat', '/etc/mine'])).stdout).toBe('mine\nmore\n')
  for (const id of [first, second]) await agent.remove(id, { force: true })

  // Death in the middle of a create: what was half made is gone after the next start.
  await agent.kill()
  await agent.start({ ...env, GANTRY_TEST: '1', GANTRY_FAULT: 'create.snapshot:kill' })
  await expect(agent.create()).rejects.toThrow()
  await agent.ended()
  expect(containers()).toHaveLength(1)
  await agent.start(env)
  expect(containers()).toEqual([])
  await noFuseServers(dataDir)
  expect(existsSync(join(dataDir, 'overlay2'))).toBe(false)
})

test('an agent refuses a driver that its data folder was not made with, and starts again with the right one', async () => {
  const dataDir = mkdtempSync(join(lab, 'data-'))
  await using agent = await TestAgent.start({ GANTRY_DATA: dataDir, GANTRY_STORAGE_DRIVER: 'vfs' })
  await agent.stop()
  await expect(agent.start({ GANTRY_DATA: dataDir, GANTRY_STORAGE_DRIVER: 'overlay2' })).rejects.toThrow(
    /was made with storage driver vfs, not overlay2; leave GANTRY_STORAGE_DRIVER out/,
  )
  await agent.start({ GANTRY_DATA: dataDir })
  expect((await agent.client.call('system.info', {})).storageDriver).toBe('vfs')
})

test('a size of the writable layer holds where the file system counts projects, and is refused in docker’s words elsewhere', async () => {
  const MiB = 2 ** 20
  const refused = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
  const image = join(lab, 'ext4')
  const disk = join(lab, 'quota')
  writeFileSync(image, '')
  truncateSync(image, 512 * MiB)
  execFileSync('mkfs.ext4', ['-q', '-O', 'quota,project', image])
  mkdirSync(disk)
  const counts = mounted(['-o', 'loop,prjquota', image, disk])
  if (!counts) {
    // This kernel has no format of quotas (CONFIG_QFMT_V2).
    execFileSync('mkfs.ext4', ['-q', '-F', image])
    execFileSync('mount', ['-o', 'loop', image, disk])
  }
  try {
    const dataDir = mkdtempSync(join(disk, 'data-'))
    await using agent = await TestAgent.start({ GANTRY_DATA: dataDir })
    const limited = { command: ['sleep', '1000'], storageSizeBytes: 8 * MiB }
    const [check] = (await agent.client.call('system.doctor', {})).filter(({ name }) => name === 'project quota')
    expect(check?.status).toBe(counts ? 'ok' : 'fallback')
    if (!counts) {
      await expect(agent.create(limited)).rejects.toMatchObject({ code: 'invalid_input', message: refused })
      return
    }
    const fill = async (id: string) => {
      const { stdout } = await agent.exec(id, ['sh', '-c', 'dd if=/dev/zero of=/big bs=1M count=20 2>/dev/null; stat -c %s /big; rm /big'])
      return Number(stdout) / MiB
    }
    const free = await agent.run({ command: ['sleep', '1000'] })
    for (let round = 0; round < 2; round++) {
      const id = await agent.run(limited)
      expect(await fill(id)).toBeLessThanOrEqual(8)
      expect(await fill(free)).toBe(20)
      await agent.kill()
      await agent.start({ GANTRY_DATA: dataDir })
      // What it removed it may write again, and no more.
      const again = await fill(id)
      expect(again).toBeGreaterThan(6)
      expect(again).toBeLessThanOrEqual(8)
      await agent.remove(id, { force: true })
    }
    await agent.remove(free, { force: true })
  } finally {
    execFileSync('umount', [disk])
  }
})

function mounted(args: string[]): boolean {
  try {
    execFileSync('mount', args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
