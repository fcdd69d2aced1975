import { randomBytes } from 'node:crypto'
import type { Parts } from '../container/parts.ts'
import type { OwnFiles } from './commit.ts'

/**
 * A writable layer over these that no container has; gone when `use` ends. A crash leaves a layer of no container, which recovery
 * removes.
 */
export async function withScratchLayer<T>(
  { snapshots }: Pick<Parts, 'snapshots'>,
  layers: readonly string[],
  use: (own: OwnFiles) => Promise<T>,
): Promise<T> {
  const id = randomBytes(32).toString('hex')
  try {
    return await use({ id, rootfs: await snapshots.prepare(id, layers) })
  } finally {
    await snapshots.remove(id)
  }
}
