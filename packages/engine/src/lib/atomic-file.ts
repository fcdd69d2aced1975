import { createHash } from 'node:crypto'
import { closeSync, fdatasync, fsync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const fsyncAsync = promisify(fsync)
const fdatasyncAsync = promisify(fdatasync)

/**
 * State files: one line with the checksum of the next, one line of JSON. A torn or edited file is noticed when read.
 * The short system calls are made directly (a trip to Node's thread pool costs more than they do), the flushes are not.
 */
function encode(value: unknown): string {
  const text = JSON.stringify(value)
  return `sha256:${digest(text)}\n${text}\n`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * Replaces (or makes) a state file: temporary file, flush, rename. After a crash the file is the old or the new one, never a mixture.
 * The rename itself reaches the disk with the file system's next commit, within seconds: a power loss before that leaves the old
 * file. With `durable: true` (the default) it is flushed too; `'content'` leaves it at that, and `false` flushes nothing, for facts
 * that the kernel or the monitor will tell again.
 */
export async function replaceFile(path: string, value: unknown, options: { durable?: boolean | 'content' } = {}): Promise<void> {
  const durable = options.durable ?? true
  const temporary = `${path}.tmp`
  const fd = openSync(temporary, 'w', 0o600)
  try {
    writeSync(fd, encode(value))
    if (durable) await fdatasyncAsync(fd)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  if (durable === true) await syncFolder(dirname(path))
}

/** As `replaceFile` with `durable: false`, without giving way to other work in between. */
export function replaceFileSync(path: string, value: unknown): void {
  const temporary = `${path}.tmp`
  const fd = openSync(temporary, 'w', 0o600)
  try {
    writeSync(fd, encode(value))
    renameSync(temporary, path)
  } finally {
    closeSync(fd)
  }
}

/**
 * Makes a file that does not exist yet and whose appearance commits a verb, with one flush: for a new file, ext4, xfs and btrfs bring
 * its name and the new folders above it to the disk together with its content. A crash before leaves no file or one whose checksum is
 * wrong, which readers take as "not committed".
 */
export async function createFile(path: string, value: unknown): Promise<void> {
  const fd = openSync(path, 'wx', 0o600)
  try {
    writeSync(fd, encode(value))
    await fsyncAsync(fd)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
}

/** Flushes a folder's entries. */
export async function syncFolder(path: string): Promise<void> {
  const fd = openSync(path, 'r')
  try {
    await fsyncAsync(fd)
  } finally {
    closeSync(fd)
  }
}

export type ReadResult = { kind: 'value'; value: unknown } | { kind: 'missing' } | { kind: 'damaged'; reason: string }

/** Reads a state file and checks its checksum. */
export function readStateFile(path: string): ReadResult {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { kind: 'missing' }
    return { kind: 'damaged', reason: `cannot be read: ${code}` }
  }
  const newline = content.indexOf('\n')
  const text = content.slice(newline + 1, -1)
  if (newline < 0 || content.slice(0, newline) !== `sha256:${digest(text)}`) return { kind: 'damaged', reason: 'checksum is wrong' }
  try {
    return { kind: 'value', value: JSON.parse(text) }
  } catch {
    return { kind: 'damaged', reason: 'is not JSON' }
  }
}

/** Keeps a damaged state file for a person to look at: `<path>.bad-<milliseconds>`. Returns the new name. */
export function setAside(path: string): string {
  const aside = `${path}.bad-${Date.now()}`
  renameSync(path, aside)
  return aside
}
