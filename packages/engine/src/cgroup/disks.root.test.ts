import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Resources } from '@gantry/contracts'
import { describe, expect, test } from 'vitest'
import type { CgroupRef } from '../ports.ts'
import { type CgroupLab, cgroupLab } from './testing/cgroup-lab.ts'

const MiB = 1024 * 1024
const statsOf = async ({ tree }: CgroupLab, group: CgroupRef) => {
  const stats = (await tree.stats([group])).get(group.containerId)
  if (!stats) throw new Error(`no counters of ${group.containerId}`)
  return stats
}

describe('disks', () => {
  /** A disk of our own: a loop device on a sparse file. */
  function loopDisk(): { path: string } & Disposable {
    const dir = mkdtempSync('/var/tmp/gantry-loop-')
    const file = join(dir, 'disk')
    writeFileSync(file, '')
    truncateSync(file, 64 * MiB)
    if (!existsSync('/dev/loop-control')) execFileSync('modprobe', ['loop'])
    const path = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim()
    return {
      path,
      [Symbol.dispose]() {
        execFileSync('losetup', ['--detach', path])
        rmSync(dir, { recursive: true })
      },
    }
  }
  const write = (path: string, count: number) => `dd if=/dev/zero of=${path} bs=262144 count=${count} oflag=direct 2>&1`
  const everyDevice = [{ allow: true, type: 'a', major: null, minor: null, access: 'rwm' }] as const

  test('direct writes run at the rate they may, and are counted', async () => {
    using disk = loopDisk()
    await using lab = await cgroupLab()
    const rate = 2 * MiB
    const limits: Resources = { blkioWriteBps: [{ device: disk.path, rate }] }
    const { group } = await lab.make('c1', limits, everyDevice)
    const seconds = async (count: number) => {
      const began = performance.now()
      expect(await lab.run(group, write(disk.path, count)).exit).toMatchObject({ code: 0 })
      return (performance.now() - began) / 1000
    }
    // The first slice (100 ms) passes at once.
    expect(await seconds(16)).toBeGreaterThan((16 * 262144) / rate - 0.5)
    const { io } = await statsOf(lab, group)
    expect(io.writeBytes).toBeGreaterThanOrEqual(16 * 262144)
    expect(io.devices.map(({ major }) => major)).toContain(7)
    await lab.tree.update(group, limits, {})
    expect(await seconds(32)).toBeLessThan((32 * 262144) / rate)
  })

  test('a project’s rate binds its containers, also those that run, until it is lifted', async () => {
    using disk = loopDisk()
    const rate = MiB
    await using lab = await cgroupLab({ blkioWriteBps: [{ device: disk.path, rate }] })
    const { group } = await lab.make('c1', {}, everyDevice)
    const seconds = async (count: number) => {
      const began = performance.now()
      expect(await lab.run(group, write(disk.path, count)).exit).toMatchObject({ code: 0 })
      return (performance.now() - began) / 1000
    }
    expect(await seconds(6)).toBeGreaterThan((6 * 262144) / rate - 0.5)
    await lab.applyProject({})
    await lab.ops(lab.tree.updateOps(group, {}, {}).ops)
    expect(await seconds(32)).toBeLessThan((32 * 262144) / rate)
  })

  test('disk traffic is counted without any limit', async () => {
    const dir = mkdtempSync('/var/tmp/gantry-disk-')
    try {
      await using lab = await cgroupLab()
      const { group } = await lab.make('c1')
      expect(await lab.run(group, write(join(dir, 'file'), 8)).exit).toMatchObject({ code: 0 })
      const { io } = await statsOf(lab, group)
      expect(io.writeBytes).toBeGreaterThanOrEqual(8 * 262144)
      expect(io.writeOps).toBeGreaterThan(0)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('weights are kept where the kernel has them and dropped with a warning where not', async () => {
    await using lab = await cgroupLab()
    const { group, warnings } = await lab.make('c1', { blkioWeight: 300 })
    const kept = lab.read(group, 'blkio.weight', 'blkio.bfq.weight', 'io.bfq.weight', 'io.weight')
    if (kept) expect(kept).toMatch(/(^|default )(300|2930)\b/)
    else expect(warnings).toEqual(['blkio weights are not kept: this kernel offers none here (they need the BFQ scheduler)'])
  })

  test('a partition or a file is no disk', async () => {
    await using lab = await cgroupLab()
    await expect(lab.make('c1', { blkioReadBps: [{ device: '/dev/null', rate: 1 }] })).rejects.toMatchObject({ code: 'invalid_input' })
  })
})
