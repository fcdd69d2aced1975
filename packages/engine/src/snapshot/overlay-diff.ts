import { type Dirent, existsSync, type Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { extendedAttribute } from '../kernel/xattr.ts'

export type Change = { kind: 'modified' | 'added' | 'deleted'; path: string }

/**
 * What the writable layer changes: character devices 0:0 are deletions, an opaque folder deletes what it does not have itself, and
 * everything else was added or modified, depending on whether the layers below have the name (overlayfs.rst). Sorted by path.
 */
export async function diffUpper(upperDir: string, lowerDirs: readonly string[]): Promise<Change[]> {
  const changes: Change[] = []
  await diffFolder({ upper: upperDir, lowers: lowerDirs, path: '' }, changes)
  return changes.sort(byPath)
}

export const byPath = (a: Change, b: Change): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)

/** Empty files that a start makes to mount the engine's own over; no change by the container. */
const mountPoints: ReadonlySet<string> = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf'])
export const isMountPoint = (path: string): boolean => mountPoints.has(path)

interface Level {
  readonly upper: string
  /** Folders of the lower layers that show through here, topmost first. */
  readonly lowers: readonly string[]
  /** Path inside the container, '' for its root. */
  readonly path: string
}

async function diffFolder(level: Level, changes: Change[]): Promise<void> {
  const entries = await readdir(level.upper, { withFileTypes: true })
  for (const entry of entries) if (!isMark(entry.name)) await diffEntry(level, entry, changes)
  if (isOpaque(level.upper)) await deletedByOpaque(level, new Set(entries.map((entry) => entry.name)), changes)
}

async function diffEntry(level: Level, entry: Dirent, changes: Change[]): Promise<void> {
  const upper = join(level.upper, entry.name)
  const path = `${level.path}/${entry.name}`
  const below = await lookUp(level.lowers, entry.name)
  const stat = await lstat(upper)
  if (isWhiteout(stat)) {
    if (below) changes.push({ kind: 'deleted', path })
    return
  }
  if (!below && isMountPoint(path) && entry.isFile() && stat.size === 0) return
  changes.push({ kind: below ? 'modified' : 'added', path })
  if (entry.isDirectory()) await diffFolder({ upper, lowers: below?.folders ?? [], path }, changes)
}

async function deletedByOpaque(level: Level, kept: ReadonlySet<string>, changes: Change[]): Promise<void> {
  const names = new Set<string>()
  for (const lower of level.lowers) for (const name of await readdir(lower)) names.add(name)
  for (const name of names) {
    if (!kept.has(name) && (await lookUp(level.lowers, name))) changes.push({ kind: 'deleted', path: `${level.path}/${name}` })
  }
}

/** What a name is below: undefined when no layer has it (or a higher one deleted it); `folders` are empty for a file. */
export async function lookUp(lowers: readonly string[], name: string): Promise<{ folders: string[] } | undefined> {
  const folders: string[] = []
  for (const lower of lowers) {
    const path = join(lower, name)
    const stat = await lstatOrMissing(path)
    if (!stat) continue
    if (isWhiteout(stat)) break
    if (!stat.isDirectory()) return folders.length > 0 ? { folders } : { folders: [] }
    folders.push(path)
    if (isOpaque(path)) break
  }
  return folders.length > 0 ? { folders } : undefined
}

async function lstatOrMissing(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

const isWhiteout = (stat: Stats) => stat.isCharacterDevice() && stat.rdev === 0
/** fuse-overlayfs marks opaque folders by files in them. */
const opaqueMark = '.wh..wh..opq'
/** Files that fuse-overlayfs keeps its marks in: nothing that the container made. */
export const isMark = (name: string) => name === opaqueMark || name === '.wh..opq'
const isOpaque = (folder: string) => extendedAttribute(folder, 'trusted.overlay.opaque') === 'y' || existsSync(join(folder, opaqueMark))
