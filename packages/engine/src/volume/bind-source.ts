import { mkdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { GantryError } from '@gantry/contracts'

/**
 * Checks the host side of a bind mount and returns its path without symbolic links, which is what has to be mounted. Makes a missing
 * folder when asked to, as `docker run -v` does. The engine's own folders are refused to everybody: who could write there would be root.
 * Who may bind what is the policy's business, which looked at the same path.
 */
export async function bindSource(source: string, options: { create: boolean; ownFolders: readonly string[] }): Promise<string> {
  const { path, missing } = await canonical(source)
  for (const own of options.ownFolders) {
    const { path: folder } = await canonical(own)
    if (path === folder || path.startsWith(`${folder}/`)) {
      throw new GantryError('forbidden', `bind source ${source} lies in the engine's own folder ${own}`, { field: 'mounts', value: source })
    }
  }
  if (!missing) return path
  if (!options.create) {
    throw new GantryError('invalid_input', `invalid mount config for type "bind": bind source path does not exist: ${source}`, {
      field: 'mounts',
      value: source,
      remedy: 'make the folder first',
    })
  }
  await makeFolder(path, source)
  // Somebody may have put a link in the way between the look and the making.
  if ((await realpath(path)) !== path)
    throw new GantryError('invalid_input', `bind source ${source} changed while it was made`, { field: 'mounts' })
  return path
}

async function makeFolder(path: string, source: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOSPC' || code === 'EDQUOT') throw error
    throw new GantryError('invalid_input', `bind source ${source} cannot be made (${code})`, {
      field: 'mounts',
      value: source,
      errno: code,
    })
  }
}

/** The path with every link resolved; what does not exist yet is appended to its deepest existing folder. */
async function canonical(path: string): Promise<{ path: string; missing: boolean }> {
  const tail: string[] = []
  for (let at = join('/', path); ; at = dirname(at)) {
    try {
      const real = await realpath(at)
      if (tail.length > 0 && !(await stat(real)).isDirectory()) {
        throw new GantryError('invalid_input', `bind source ${path} lies below ${at}, which is no folder`, { field: 'mounts', value: path })
      }
      return { path: join(real, ...tail), missing: tail.length > 0 }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'ELOOP')
        throw new GantryError('invalid_input', `bind source ${path} has links that go in a circle`, { field: 'mounts', value: path })
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || at === '/') throw error
      tail.unshift(basename(at))
    }
  }
}
