import type { BigIntStats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { byPath, type Change, isMountPoint } from './overlay-diff.ts'

/**
 * What a folder changes of the one that it began as a copy of: names that only one of them has, and files that differ in kind, mode,
 * owner, size, time or target. A folder counts as modified when something in it does. Sorted by path.
 */
export async function diffTrees(tree: string, base: string | undefined): Promise<Change[]> {
  const changes: Change[] = []
  await diffFolder({ tree, base, path: '' }, (change) => changes.push(change))
  return changes.sort(byPath)
}

/** Bytes that the files take which the folder does not share with the one it began as. Hard links count once. */
export async function usageOfTree(tree: string, base: string | undefined): Promise<number> {
  let bytes = 0
  const counted = new Set<bigint>()
  await diffFolder({ tree, base, path: '' }, ({ kind }, stat) => {
    if (kind === 'deleted' || (kind === 'modified' && stat.isDirectory())) return
    if (stat.nlink > 1n && !stat.isDirectory() && counted.has(stat.ino)) return
    counted.add(stat.ino)
    bytes += Number(stat.blocks) * 512
  })
  return bytes
}

interface Level {
  readonly tree: string
  /** undefined: nothing below. */
  readonly base: string | undefined
  readonly path: string
}
type Report = (change: Change, stat: BigIntStats) => void

/** True when something in it changed. */
async function diffFolder(level: Level, report: Report): Promise<boolean> {
  const [names, below] = await Promise.all([readdir(level.tree), level.base === undefined ? [] : readdir(level.base)])
  const left = new Set(below)
  let changed = false
  for (const name of names) changed = (await diffName(level, name, left.delete(name), report)) || changed
  for (const name of left) {
    report({ kind: 'deleted', path: `${level.path}/${name}` }, await lstat(join(level.base as string, name), { bigint: true }))
    changed = true
  }
  return changed
}

async function diffName(level: Level, name: string, isBelow: boolean, report: Report): Promise<boolean> {
  const [tree, path] = [join(level.tree, name), `${level.path}/${name}`]
  const base = isBelow && level.base !== undefined ? join(level.base, name) : undefined
  const stat = await lstat(tree, { bigint: true })
  const before = base === undefined ? undefined : await lstat(base, { bigint: true })
  if (!before && isMountPoint(path) && stat.isFile() && stat.size === 0n) return false
  const differs = !before || !(await same({ path: tree, stat }, { path: base as string, stat: before }))
  const folderBelow = before?.isDirectory() ? base : undefined
  const inside = stat.isDirectory() && (await diffFolder({ tree, base: folderBelow, path }, report))
  if (differs || inside) report({ kind: before ? 'modified' : 'added', path }, stat)
  return differs || inside
}

interface Found {
  readonly path: string
  readonly stat: BigIntStats
}

/** A folder's own size and time change with what is made and removed in it, so they say nothing more. */
async function same(a: Found, b: Found): Promise<boolean> {
  if (a.stat.mode !== b.stat.mode || a.stat.uid !== b.stat.uid || a.stat.gid !== b.stat.gid || a.stat.rdev !== b.stat.rdev) return false
  if (a.stat.isDirectory()) return true
  if (a.stat.size !== b.stat.size || a.stat.mtimeNs !== b.stat.mtimeNs) return false
  return !a.stat.isSymbolicLink() || (await readlink(a.path)) === (await readlink(b.path))
}
