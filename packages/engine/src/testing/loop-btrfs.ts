import { execFileSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Mounts a btrfs of its own, 1 GiB in a file, at `<folder>/btrfs`. Returns what unmounts it. */
export function mountLoopBtrfs(folder: string): () => void {
  const image = join(folder, 'image')
  const at = join(folder, 'btrfs')
  writeFileSync(image, '')
  truncateSync(image, 1024 ** 3)
  execFileSync('mkfs.btrfs', ['-q', image])
  mkdirSync(at)
  execFileSync('mount', ['-o', 'loop', image, at])
  return () => void execFileSync('umount', [at])
}
