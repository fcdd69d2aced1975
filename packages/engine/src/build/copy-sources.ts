import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { Archiver, ListedFile, View } from '../kernel/archiver.ts'
import { globToRegExp, hasGlob } from './glob.ts'

/** Something to be copied: a file, or a folder whose content is meant. */
export interface Source {
  /** Path in the view, absolute, without a link at its end. */
  readonly path: string
  /** What a file is called at its destination. */
  readonly name: string
  readonly folder: boolean
  /** Of content, modes and names; of an image, of its id and the path. */
  readonly checksum: string
}

/** Where sources are looked for. */
export interface Origin {
  readonly view: View
  /** Everything there is, with digests; absent for an image, whose id says what is in it. */
  readonly files?: ReadonlyMap<string, ListedFile>
  readonly imageId?: string
}

/** Finds what a pattern of COPY or ADD means. Throws `invalid_input` when there is nothing. */
export async function findSources(archiver: Archiver, origin: Origin, pattern: string): Promise<Source[]> {
  const cleaned = posix.normalize(`/${pattern}`).slice(1).replace(/\/$/, '')
  const paths = hasGlob(cleaned) ? await globbed(archiver, origin, cleaned) : [cleaned]
  const sources: Source[] = []
  for (const path of paths) sources.push(await toSource(archiver, origin, path))
  return sources
}

async function globbed(archiver: Archiver, origin: Origin, pattern: string): Promise<string[]> {
  const regexp = globToRegExp(pattern)
  if (!regexp) throw new GantryError('invalid_input', `COPY failed: syntax error in pattern ${pattern}`, { value: pattern })
  const matches: string[] = []
  if (origin.files) matches.push(...[...origin.files.keys()].filter((path) => regexp.test(path)))
  else {
    const parts = pattern.split('/')
    const fixed = parts.slice(0, parts.findIndex(hasGlob)).join('/')
    const listed = await archiver.list(origin.view, `/${fixed}`, { sum: false })
    matches.push(...listed.map(({ path }) => (fixed === '' ? path : `${fixed}/${path}`)).filter((path) => regexp.test(path)))
  }
  if (matches.length === 0) throw new GantryError('invalid_input', 'COPY failed: no source files were specified', { value: pattern })
  return matches
}

async function toSource(archiver: Archiver, origin: Origin, path: string): Promise<Source> {
  try {
    const named = await archiver.stat(origin.view, `/${path}`)
    // A link that is named itself is followed; links below a folder are copied.
    const real = named.type === 'link' ? named.target : `/${path}`
    const { type } = named.type === 'link' ? await archiver.stat(origin.view, real) : named
    const folder = type === 'folder'
    return { path: real, name: posix.basename(path), folder, checksum: checksumOf(origin, real.slice(1), folder) }
  } catch (error) {
    if (!(error instanceof GantryError && error.code === 'not_found')) throw error
    const where = origin.files ? 'file not found in build context or excluded by .dockerignore: ' : ''
    throw new GantryError('invalid_input', `COPY failed: ${where}stat ${path}: file does not exist`, { value: path })
  }
}

function checksumOf(origin: Origin, path: string, folder: boolean): string {
  const hash = createHash('sha256')
  if (!origin.files) return hash.update(JSON.stringify([origin.imageId, path])).digest('hex')
  const facts = ({ type, mode, target, digest }: ListedFile) => [type, mode, target, digest]
  const own = origin.files.get(path)
  if (own) hash.update(JSON.stringify(facts(own)))
  if (folder) {
    const prefix = path === '' ? '' : `${path}/`
    for (const [name, file] of origin.files)
      if (name.startsWith(prefix)) hash.update(JSON.stringify([name.slice(prefix.length), ...facts(file)]))
  }
  return hash.digest('hex')
}
