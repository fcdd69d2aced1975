import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'

/** Folders read at once: enough to keep the disk busy, few enough to leave threads to others. */
const parallel = 3

/** Bytes that the files below `folder` take on the disk (blocks, as `du` counts them; hard links once). Files that vanish meanwhile do not count. */
export async function diskUsage(folder: string): Promise<number> {
  const counted = new Set<number>()
  const waiting = [folder]
  let bytes = 0
  const measure = async (path: string) => {
    const stat = await unlessGone(lstat(path))
    if (!stat || (stat.nlink > 1 && !stat.isDirectory() && counted.has(stat.ino))) return
    counted.add(stat.ino)
    bytes += stat.blocks * 512
    if (stat.isDirectory()) waiting.push(path)
  }
  const readFolder = async (path: string) => {
    const entries = await unlessGone(opendir(path))
    if (entries) for await (const entry of entries) await measure(join(path, entry.name))
  }
  while (waiting.length > 0) await Promise.all(waiting.splice(-parallel).map(readFolder))
  return bytes
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
