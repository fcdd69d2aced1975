import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { Archiver, ListedFile, View } from '../kernel/archiver.ts'
import type { UnpackLimits } from '../kernel/unpack.ts'
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

/** Unpacks what the client sends. Throws `invalid_input` without a Dockerfile in it. */
export async function receiveContext(
  archiver: Archiver,
  input: AsyncIterable<Uint8Array>,
  options: { folder: string; dockerfile: string; limits: UnpackLimits; signal: AbortSignal },
): Promise<BuildContext> {
  const { folder, limits, signal } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  await archiver.put({ kind: 'folder', path: folder, writable: true }, input, {
    path: '/',
    flags: [],
    owner: { uid: 0, gid: 0 },
    limits,
    signal,
  })
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
