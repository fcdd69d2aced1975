import { type FileHandle, open, stat } from 'node:fs/promises'

/** An open log file; it stays readable when rotation renames or removes it. */
export interface LogFile {
  readonly handle: FileHandle
  readonly inode: bigint
  readonly modifiedMs: number
}

/** The file, or null when it does not exist. */
export async function openLog(path: string): Promise<LogFile | null> {
  const handle = await open(path, 'r').catch(absent)
  if (!handle) return null
  const { ino, mtimeMs } = await handle.stat({ bigint: true })
  return { handle, inode: ino, modifiedMs: Number(mtimeMs) }
}

/** Names in a row that may be missing before the end is believed: a rotation under way leaves a gap that moves. */
const LONGEST_GAP = 3

/**
 * All files of a log, oldest first. Opened newest first, against the direction in which rotation moves them: a file that moves
 * meanwhile comes up twice under its next name, which the inode tells, and never slips by.
 */
export async function openAll(path: string): Promise<LogFile[]> {
  const files: LogFile[] = []
  for (let index = 0, gap = 0; gap < LONGEST_GAP; index++) {
    const file = await openLog(rotated(path, index))
    gap = file ? 0 : gap + 1
    if (!file) continue
    if (files.some((known) => known.inode === file.inode)) await file.handle.close()
    else files.unshift(file)
  }
  return files
}

/**
 * The file that was begun after `current`, or null while `current` is the newest. When `current` has been rotated out of
 * existence, the oldest that is left.
 */
export async function openNext(path: string, current: LogFile): Promise<LogFile | null> {
  const newest = await stat(path, { bigint: true }).catch(absent)
  if (!newest || newest.ino === current.inode) return null
  const files = await openAll(path)
  const at = files.findIndex((file) => file.inode === current.inode)
  const next = files[at + 1] ?? null
  await Promise.all(files.filter((file) => file !== next).map((file) => file.handle.close()))
  return next
}

function rotated(path: string, index: number): string {
  return index === 0 ? path : `${path}.${index}`
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}
