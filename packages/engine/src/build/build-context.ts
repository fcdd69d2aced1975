import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { Archiver, ListedFile, View } from '../kernel/archiver.ts'
import type { UnpackLimits } from '../kernel/unpack.ts'
import { type FetchRequest, fetchFile } from './fetch-file.ts'
import { readIgnore } from './ignore.ts'

const maxTextBytes = 4 * 1024 * 1024

/** The files that a build may copy, unpacked, without what its `.dockerignore` leaves out. */
export interface BuildContext {
  readonly folder: string
  readonly view: View
  /** By path below the root of the context; contents are hashed. */
  readonly files: ReadonlyMap<string, ListedFile>
  readonly dockerfile: string
}

export interface ContextOptions {
  readonly folder: string
  readonly dockerfile: string
  readonly limits: UnpackLimits
  readonly signal: AbortSignal
}

/** Unpacks what the client sends. Throws `invalid_input` without a Dockerfile in it. */
export async function receiveContext(
  archiver: Archiver,
  input: AsyncIterable<Uint8Array> | Socket,
  options: ContextOptions,
): Promise<BuildContext> {
  await unpack(archiver, input, options)
  return readContext(archiver, options)
}

/** Fetches a context, by what the server says it is: an archive, or the text of a Dockerfile that has nothing beside it. */
export async function fetchContext(
  archiver: Archiver,
  remote: Pick<FetchRequest, 'url' | 'anywhere' | 'onProgress'>,
  options: ContextOptions,
): Promise<BuildContext> {
  const folder = `${options.folder}-remote`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'file')
  const { contentType, bytes } = await fetchFile({ ...remote, path, limits: options.limits, signal: options.signal })
  if (bytes === 0) throw new GantryError('invalid_input', `${remote.url}: empty response`, { field: 'remote', value: remote.url })
  const view: View = { kind: 'folder', path: folder, writable: false }
  const unsaid = contentType === '' || contentType === 'application/octet-stream'
  const archived = unsaid ? await archiver.isTar(view, '/file') : archiveTypes.test(contentType)
  if (archived) {
    const file = await open(path, 'r')
    try {
      await unpack(archiver, file, options)
    } finally {
      await file.close()
    }
    return readContext(archiver, options)
  }
  if (!unsaid && contentType !== 'text/plain') {
    throw new GantryError('invalid_input', `unsupported Content-Type "${contentType}"`, { field: 'remote', value: remote.url })
  }
  mkdirSync(options.folder, { mode: 0o700 })
  const dockerfile = (await archiver.read(view, '/file', maxTextBytes)).toString('utf8')
  return { folder: options.folder, view: { kind: 'folder', path: options.folder, writable: false }, files: new Map(), dockerfile }
}

/** What moby's builder takes for an archive. */
const archiveTypes = /^application\/(x-)?(tar|gtar|gzip|bzip2?|xz|zstd|compressed-tar)$/

async function unpack(archiver: Archiver, input: AsyncIterable<Uint8Array> | FileHandle, { folder, limits, signal }: ContextOptions) {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const options = { path: '/', flags: [], owner: { uid: 0, gid: 0 }, limits, signal }
  await archiver.put({ kind: 'folder', path: folder, writable: true }, input, options)
}

async function readContext(archiver: Archiver, options: ContextOptions): Promise<BuildContext> {
  const { folder, signal } = options
  const view: View = { kind: 'folder', path: folder, writable: false }
  const dockerfile = await readText(archiver, view, options.dockerfile)
  if (dockerfile === undefined) {
    throw new GantryError('invalid_input', `Cannot locate specified Dockerfile: ${options.dockerfile}`, {
      field: 'dockerfile',
      value: options.dockerfile,
    })
  }
  const ignores = readIgnore((await readText(archiver, view, '.dockerignore')) ?? '')
  const listed = await archiver.list(view, '/', { sum: true, signal })
  const kept = leaveOut(folder, listed, ignores)
  return { folder, view, files: new Map(kept.map((file) => [file.path, file])), dockerfile }
}

async function readText(archiver: Archiver, view: View, path: string): Promise<string | undefined> {
  try {
    return (await archiver.read(view, path, maxTextBytes)).toString('utf8')
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') return undefined
    throw error
  }
}

/**
 * Takes the files away that are not to be copied, so that copying a folder needs no list. Nobody else changes the folder, and the list
 * was made without following links, so its paths have none in them. A folder stays as long as something in it does.
 */
function leaveOut(folder: string, listed: readonly ListedFile[], ignores: (path: string) => boolean): ListedFile[] {
  const keptFolders = new Set<string>()
  const kept: ListedFile[] = []
  for (const file of [...listed].reverse()) {
    if (!ignores(file.path) || keptFolders.has(file.path)) {
      kept.push(file)
      const slash = file.path.lastIndexOf('/')
      if (slash > 0) keptFolders.add(file.path.slice(0, slash))
    } else if (file.type === 'folder') rmdirSync(join(folder, file.path))
    else rmSync(join(folder, file.path), { force: true })
  }
  return kept.reverse()
}
