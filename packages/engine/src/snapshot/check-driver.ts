import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { chown, mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kernel } from '../kernel/kernel.ts'
import type { Unpacker } from '../kernel/unpack.ts'
import { fuseOverlayfs, type StorageDriver } from './storage-driver.ts'

interface Tools {
  readonly dataDir: string
  readonly unpacker: Pick<Unpacker, 'subvolume' | 'removeSubvolume'>
  readonly kernel: Pick<Kernel, 'ops'>
}

/** statfs(2) types, for messages only: whether something works is tried. */
const names: Readonly<Record<number, string>> = {
  61267: 'ext2, ext3 or ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlay',
  26985: 'nfs',
  16914839: '9p',
  1702057286: 'fuse',
  19780: 'vfat',
  801189825: 'zfs',
}

/** Why the driver cannot work in this data folder; undefined when it can. Everything is tried in a folder of its own. */
export async function checkDriver(driver: StorageDriver, tools: Tools): Promise<string | undefined> {
  const scratch = join(tools.dataDir, `.try-${randomBytes(4).toString('hex')}`)
  mkdirSync(scratch, { mode: 0o700 })
  try {
    const refusal = await attempts[driver](scratch, tools)
    const found = (await statfs(tools.dataDir)).type
    return refusal && `${refusal} (it lies on ${names[found] ?? `a file system of type 0x${found.toString(16)}`})`
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

const attempts: Readonly<Record<StorageDriver, (scratch: string, tools: Tools) => Promise<string | undefined>>> = {
  async overlay2(scratch, { kernel }) {
    const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(scratch, name)) as [string, string, string]
    for (const folder of [lower, upper, work]) mkdirSync(folder)
    const [answer] = await kernel.ops([['probe', 'overlay', lower, upper, work]])
    if (answer !== 'ok') return `the kernel cannot stack folders on its file system (${answer})`
    const [whiteout] = await kernel.ops([['probe', 'whiteout', upper]])
    return whiteout === 'ok' ? undefined : `its file system cannot keep marks of deleted files (${whiteout})`
  },
  async 'fuse-overlayfs'(scratch, { kernel }) {
    if (!existsSync(fuseOverlayfs)) return `${fuseOverlayfs} is not installed`
    if (!existsSync('/dev/fuse')) return 'the kernel has no /dev/fuse'
    const [whiteout] = await kernel.ops([['probe', 'whiteout', scratch]])
    return whiteout === 'ok' ? undefined : `its file system cannot keep marks of deleted files (${whiteout})`
  },
  async btrfs(scratch, { dataDir, unpacker }) {
    if ((await statfs(dataDir)).type !== 2435016766) return 'its file system is not btrfs'
    await unpacker.subvolume(join(scratch, 'a'))
    await unpacker.subvolume(join(scratch, 'b'), join(scratch, 'a'))
    for (const name of ['a', 'b']) await unpacker.removeSubvolume(join(scratch, name))
    return undefined
  },
  async vfs(scratch) {
    const file = join(scratch, 'file')
    await mkdir(join(scratch, 'folder'))
    await writeFile(file, '')
    try {
      await chown(file, 1, 2)
    } catch {
      return 'its file system keeps no owners of files'
    }
    const { uid, gid } = await stat(file)
    return uid === 1 && gid === 2 ? undefined : 'its file system keeps no owners of files'
  },
}
