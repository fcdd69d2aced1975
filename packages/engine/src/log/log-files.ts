import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'

/** An open log file; it stays readable when rotation renames, packs or removes it. */
export interface LogFile {
  readonly handle: FileHandle
  readonly inode: bigint
  readonly modifiedMs: number
  /** Unpacked, with what tells it from others: a rotated file's time and length stay, gzip keeps the former. */
  readonly packed?: { readonly modifiedNs: bigint; readonly size: bigint }
}

/** The file, or what rotation has packed it into; null when neither exists. */
async function openLog(path: string): Promise<LogFile | null> {
  const handle = (await open(path, 'r').catch(absent)) ?? (await open(`${path}.gz`, 'r').catch(absent))
  if (!handle) return null
  const { ino, mtimeMs, mtimeNs } = await handle.stat({ bigint: true })
  const facts = { inode: ino, modifiedMs: Number(mtimeMs) }
  if (!(await isPacked(handle))) return { handle, ...facts }
  try {
    const plain = await unpacked(handle)
    const { size } = await plain.stat({ bigint: true })
    return { handle: plain, ...facts, packed: { modifiedNs: mtimeNs, size } }
  } finally {
    await handle.close().catch(() => {})
  }
}

/** The same file, even when one of the two was opened before it was packed. */
async function isSame(a: LogFile, b: LogFile): Promise<boolean> {
  if (a.inode === b.inode) return true
  if (!a.packed && !b.packed) return false
  const [one, other] = [await mark(a), await mark(b)]
  return one.modifiedNs === other.modifiedNs && one.size === other.size
}

async function mark({ handle, packed }: LogFile): Promise<{ modifiedNs: bigint; size: bigint }> {
  if (packed) return packed
  const { mtimeNs, size } = await handle.stat({ bigint: true })
  return { modifiedNs: mtimeNs, size }
}

/** Index of the last that is the same; -1 when none is. */
async function lastSame(files: readonly LogFile[], file: LogFile): Promise<number> {
  for (let at = files.length - 1; at >= 0; at--) {
    const known = files[at]
    if (known && (await isSame(known, file))) return at
  }
  return -1
}

/** gzip's magic; a log line begins with a brace. */
async function isPacked(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
}

/** The content on the disk again, in a file without a name: logs are read from any place, and may be longer than memory likes. */
async function unpacked(packed: FileHandle): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-log-'))
  try {
    const handle = await open(join(folder, 'log'), 'wx+', 0o600)
    try {
      // By number: streams of a handle would hold it open.
      await pipeline(
        createReadStream('', { fd: packed.fd, start: 0, autoClose: false }),
        createGunzip(),
        createWriteStream('', { fd: handle.fd, autoClose: false }),
      )
    } catch (error) {
      await handle.close()
      throw error
    }
    return handle
  } finally {
    await rm(folder, { recursive: true })
  }
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
    if ((await lastSame(files, file)) >= 0) await file.handle.close()
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
  const at = await lastSame(files, current)
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
