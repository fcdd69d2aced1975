import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultLimits } from '../image/context.ts'
import { nativeDir } from '../image/fixture.ts'
import { tarOf } from '../testing/tar.ts'
import { chainIds, digestOf } from '../image/manifest.ts'
import { createLauncher } from '../kernel/launcher.ts'
import { mountLoopBtrfs } from '../testing/loop-btrfs.ts'
import { createUnpacker } from '../kernel/unpack.ts'
import type { RootfsSource } from '../ports.ts'
import { snapshotterConformance, type SnapshotterUnderTest } from './conformance.ts'
import { openStorage } from './storage.ts'
import { type StorageDriver, storageDrivers } from './storage-driver.ts'

/** btrfs lies in a file; the others beside it. */
const lab = mkdtempSync('/var/tmp/gantry-test-')
const btrfs = join(lab, 'btrfs')
const kernel = createLauncher({ nativeDir })

let unmount: () => void
beforeAll(() => {
  unmount = mountLoopBtrfs(lab)
})
afterAll(async () => {
  await kernel.close()
  unmount()
  rmSync(lab, { recursive: true, force: true })
})

const warnings: string[] = []
const open = (dataDir: string, driver?: StorageDriver) =>
  openStorage({
    config: { dataDir, log: (_level, message) => warnings.push(message) },
    ...{ unpacker: createUnpacker({ nativeDir }), kernel, driver },
  })

async function under(driver: StorageDriver): Promise<SnapshotterUnderTest> {
  const dataDir = mkdtempSync(join(driver === 'btrfs' ? btrfs : lab, 'data-'))
  const { layers, snapshots } = await open(dataDir, driver)
  return {
    snapshotter: snapshots,
    reopen: async () => (await open(dataDir)).snapshots,
    async commit(entries) {
      const tars = await Promise.all(entries.map(tarOf))
      const chain = chainIds(tars.map(digestOf))
      for (const [i, tar] of tars.entries()) {
        const blobPath = join(dataDir, 'blob')
        writeFileSync(blobPath, tar)
        const [chainId, parent] = [chain[i] as string, chain[i - 1]]
        await layers.commit({ chainId, parent, diffId: digestOf(tar), blobPath, limits: defaultLimits })
      }
      return chain
    },
    run: (source, script) => runIn(dataDir, source, script),
    [Symbol.asyncDispose]: async () => {
      await layers.writeBehind.settled([])
      await kernel.ops([['rmtree', dataDir]])
    },
  }
}

/** In a mount namespace that ends with the script, as a container's does. */
function runIn(dataDir: string, source: RootfsSource, script: string): string {
  const shell = (line: string, ...args: string[]) => {
    return execFileSync('unshare', ['-m', 'sh', '-ec', line, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }
  if (source.kind === 'tree') return shell('cd "$0" && eval "$1"', source.folder, script)
  // Short names: mount(2) has one page for its options.
  const names = join(mkdtempSync(join(dataDir, 'm-')), 'l')
  mkdirSync(names)
  for (const [i, dir] of source.lowerDirs.entries()) symlinkSync(dir, join(names, String(i)))
  const options = `lowerdir=${source.lowerDirs.map((_, i) => i).join(':')},upperdir=${source.upperDir},workdir=${source.workDir}`
  const mount = source.kind === 'fuse' ? `${source.program} -o "$1" ../m 2>/dev/null` : 'mount -t overlay overlay -o "$1" ../m'
  return shell(`cd "$0" && mkdir ../m && ${mount} && cd ../m && eval "$2"`, names, options, script)
}

for (const driver of storageDrivers) snapshotterConformance(driver, () => under(driver))

describe('a data folder', () => {
  test('keeps the driver that it was made with', async () => {
    const dataDir = mkdtempSync(join(lab, 'data-'))
    expect((await open(dataDir, 'vfs')).snapshots.driver).toBe('vfs')
    expect((await open(dataDir)).snapshots.driver).toBe('vfs')
    await expect(open(dataDir, 'overlay2')).rejects.toMatchObject({
      code: 'invalid_input',
      message: `data folder ${dataDir} was made with storage driver vfs, not overlay2`,
    })
    expect(existsSync(join(dataDir, 'overlay2'))).toBe(false)
  })

  test('from before there was a choice is overlay2', async () => {
    const dataDir = mkdtempSync(join(lab, 'data-'))
    mkdirSync(join(dataDir, 'overlay2/layers'), { recursive: true })
    expect((await open(dataDir)).snapshots.driver).toBe('overlay2')
    await expect(open(dataDir, 'btrfs')).rejects.toMatchObject({
      message: expect.stringContaining('was made with storage driver overlay2'),
    })
  })

  test('that cannot carry the driver is left alone; what it lies on and what would work is said', async () => {
    const dataDir = mkdtempSync(join(lab, 'data-'))
    await expect(open(dataDir, 'btrfs')).rejects.toMatchObject({
      code: 'unsupported',
      message: `storage driver btrfs cannot work in ${dataDir}: its file system is not btrfs (it lies on ext2, ext3 or ext4)`,
      detail: { remedy: expect.stringContaining('set GANTRY_STORAGE_DRIVER to overlay2 or fuse-overlayfs or vfs') },
    })
    expect(await under('vfs').then((made) => made.snapshotter.driver)).toBe('vfs')
  })

  test('on an overlay carries vfs only', async () => {
    const [base, merged] = [mkdtempSync(join(lab, 'base-')), mkdtempSync(join(lab, 'merged-'))]
    for (const name of ['lower', 'upper', 'work']) mkdirSync(join(base, name))
    const options = ['lower', 'upper', 'work'].map((name) => `${name}dir=${join(base, name)}`).join(',')
    execFileSync('mount', ['-t', 'overlay', 'gantry-test', '-o', options, merged])
    try {
      const failure = open(merged)
      await expect(failure).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringMatching(/^storage driver overlay2 cannot work .*\(it lies on overlay\)$/),
        detail: { remedy: expect.stringContaining('set GANTRY_STORAGE_DRIVER to vfs, which') },
      })
      expect((await open(merged, 'vfs')).snapshots.driver).toBe('vfs')
    } finally {
      execFileSync('umount', [merged])
    }
  })
})
