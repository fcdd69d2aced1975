import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Canonical form of a host path. What does not exist yet is appended to its deepest existing folder's. */
export async function canonicalPath(path: string): Promise<string> {
  const tail: string[] = []
  for (let at = join('/', path); ; at = dirname(at)) {
    try {
      return join(await realpath(at), ...tail)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || at === '/') throw error
      tail.unshift(basename(at))
    }
  }
}

/** True when `path` is one of the folders or lies below one. All canonical. */
export function isBelow(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => folder === '/' || path === folder || path.startsWith(`${folder}/`))
}
