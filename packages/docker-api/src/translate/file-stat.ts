import type { PathStat } from '@gantry/contracts'

/** Bits of Go's fs.FileMode above the permissions, by the type bits and the special bits of st_mode. */
const types = new Map([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o020000, 2 ** 26 + 2 ** 21],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
])
const specials = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
] as const

export function goFileMode(mode: number): number {
  const special = specials.reduce((sum, [bit, go]) => sum + (mode & bit ? go : 0), 0)
  return (mode & 0o777) + special + (types.get(mode & 0o170000) ?? 0)
}

/** The header `X-Docker-Container-Path-Stat`. */
export function pathStatHeader({ name, size, mode, mtime, linkTarget }: PathStat): string {
  return Buffer.from(JSON.stringify({ name, size, mode: goFileMode(mode), mtime, linkTarget })).toString('base64')
}
