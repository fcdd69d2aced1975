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

/** Listings begun anew because the log was rotated meanwhile; a log that is rotated faster than this is read as it was found. */
const MOST_LISTINGS = 50

/** All files of a log, oldest first, as they were at one moment. */
export async function openAll(path: string): Promise<LogFile[]> {
  for (let listing = 1; ; listing++) {
    const newest = await inodeOf(path)
    const files = await openInOrder(path)
    if (newest === (await inodeOf(path)) || listing === MOST_LISTINGS) return files
    await Promise.all(files.map((file) => file.handle.close()))
  }
}

/**
 * Opened newest first, against the direction in which rotation moves them: a file that one rotation moves meanwhile comes up twice
 * under its next name, which the inode tells, and never slips by.
 */
async function openInOrder(path: string): Promise<LogFile[]> {
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

async function inodeOf(path: string): Promise<bigint | null> {
  return (await stat(path, { bigint: true }).catch(absent))?.ino ?? null
}

/**
 * The file that was begun after `current`, or null while `current` is the newest. When `current` has been rotated out of
 * existence, the oldest that is left.
 */
export async function openNext(path: string, current: LogFile): Promise<LogFile | null> {
  const newest = await inodeOf(path)
  if (newest === null || newest === current.inode) return null
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
