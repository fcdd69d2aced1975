import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageContext } from './context.ts'

/**
 * Removes content that no image of any project has and no request under way has leased. Each thing is checked again in the very tick
 * it is removed in, so that a request that starts meanwhile keeps what it found.
 */
export async function sweep(context: ImageContext, options: { partials?: boolean } = {}): Promise<{ bytes: number; layers: string[] }> {
  let generation = -1
  let used = new Set<string>()
  const isUsed = (id: string) => {
    if (generation !== context.records.generation) {
      used = usedContent(context)
      generation = context.records.generation
    }
    return used.has(id) || context.leases.has(id) || context.isKept(id)
  }
  let bytes = 0
  const layers: string[] = []
  for (const layer of context.layers.list()) {
    if (isUsed(layer.chainId)) continue
    bytes += layer.fileBytes
    layers.push(layer.diffId)
    await context.layers.remove(layer.chainId)
  }
  for (const digest of context.content.list()) if (!isUsed(digest)) bytes += context.content.remove(digest)
  if (options.partials) {
    for (const name of readdirSync(context.content.partialFolder)) {
      if (!context.leases.has(`sha256:${name}`)) rmSync(join(context.content.partialFolder, name), { force: true })
    }
  }
  return { bytes, layers }
}

function usedContent(context: ImageContext): Set<string> {
  const used = new Set<string>()
  for (const image of context.records.images()) {
    used.add(image.id).add(image.manifest)
    for (const layer of image.layers) used.add(layer.digest).add(layer.chainId)
  }
  return used
}
