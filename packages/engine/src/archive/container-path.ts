import { posix } from 'node:path'

/** Absolute and without `.` and `..`; a trailing `/` or `/.` is kept, as it says to follow a link or to mean a folder's content. */
export function absolutePath(path: string): string {
  const plain = posix.normalize(`/${path}`).replace(/(.)\/$/, '$1')
  if (plain === '/') return '/'
  if (path.endsWith('/.') || path === '.') return `${plain}/.`
  return path.endsWith('/') ? `${plain}/` : plain
}

/** What a copy of the path is called: its last part; `.` for a folder's content. */
export function baseName(path: string): string {
  if (path.endsWith('/.')) return '.'
  return path === '/' ? '/' : posix.basename(path)
}
