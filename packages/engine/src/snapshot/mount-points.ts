import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Change, isMark, lookUp } from './overlay-diff.ts'

const files = ['etc/hosts', 'etc/hostname', 'etc/resolv.conf']
const folders = ['proc', 'sys', 'dev']

/**
 * What a start makes in a container's own layer only to mount something over it, when the layers below do not have it. It is no change
 * by the container; a layer made of it leaves these out. Paths without a leading slash.
 */
export async function mountPoints(upperDir: string, lowerDirs: readonly string[]): Promise<string[]> {
  const left: string[] = []
  for (const path of [...files, ...folders]) {
    const made = await lstat(join(upperDir, path)).catch(() => undefined)
    if (!made || (await isBelow(lowerDirs, path))) continue
    const empty = made.isDirectory() ? (await readdir(join(upperDir, path))).every(isMark) : made.isFile() && made.size === 0
    if (empty) left.push(path)
  }
  if (await isOnlyForMountPoints(upperDir, lowerDirs, left)) left.push('etc')
  return left
}

/** The changes that are the container's own. */
export async function withoutMountPoints(changes: Change[], upperDir: string, lowerDirs: readonly string[]): Promise<Change[]> {
  const engine = new Set((await mountPoints(upperDir, lowerDirs)).map((path) => `/${path}`))
  return changes.filter(({ path }) => !engine.has(path))
}

async function isBelow(lowerDirs: readonly string[], path: string): Promise<boolean> {
  let dirs = lowerDirs
  const parts = path.split('/')
  for (const [index, part] of parts.entries()) {
    const found = await lookUp(dirs, part)
    if (!found) return false
    if (index < parts.length - 1 && found.folders.length === 0) return false
    dirs = found.folders
  }
  return true
}

/** The folder came into the layer with them, and is otherwise as it is below. */
async function isOnlyForMountPoints(upperDir: string, lowerDirs: readonly string[], left: readonly string[]): Promise<boolean> {
  const etc = await lstat(join(upperDir, 'etc')).catch(() => undefined)
  if (!etc?.isDirectory()) return false
  const names = (await readdir(join(upperDir, 'etc'))).filter((name) => !isMark(name))
  if (names.some((name) => !left.includes(`etc/${name}`))) return false
  const [below] = (await lookUp(lowerDirs, 'etc'))?.folders ?? []
  if (below === undefined) return names.length > 0
  const same = await lstat(below)
  return same.mode === etc.mode && same.uid === etc.uid && same.gid === etc.gid
}
