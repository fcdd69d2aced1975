import { statfs } from 'node:fs/promises'
import type { BuildCacheRecord, OutputOf, ParsedInputOf } from '@gantry/contracts'
import type { ImageMaking } from '../image/make-image.ts'
import { rfc3339 } from '../lib/time.ts'
import type { BuildCache, CacheEntry } from './build-cache.ts'

export interface CacheShop {
  readonly cache: BuildCache
  readonly making: ImageMaking
  /** Where the cache lies. */
  readonly folder: string
}

/** A project's cached steps, newest first. A layer counts once, with the step that made it; what an image has counts with the image. */
export function listCache({ cache, making }: Omit<CacheShop, 'folder'>, projectId: string): BuildCacheRecord[] {
  const ofImages = making.imageLayers(projectId)
  const counted = new Set<string>()
  const entries = cache.entries(projectId).sort(([, a], [, b]) => a.createdAt - b.createdAt || a.layers.length - b.layers.length)
  const records = entries.map(([key, entry]): BuildCacheRecord => {
    const mine = entry.layers.filter(({ chainId }) => !ofImages.has(chainId) && !counted.has(chainId))
    for (const { chainId } of mine) counted.add(chainId)
    return {
      id: key,
      parents: entry.parent === undefined ? [] : [entry.parent],
      description: entry.description,
      sizeBytes: mine.reduce((sum, { chainId }) => sum + making.layerBytes(chainId), 0),
      shared: mine.length === 0 && isOfImage(entry, ofImages),
      inUse: making.isLeased(entry.id),
      createdAt: atMs(entry.createdAt),
      usedAt: atMs(entry.usedAt),
      uses: entry.uses,
    }
  })
  return records.reverse()
}

const atMs = (ms: number) => rfc3339(BigInt(ms) * 1_000_000n)

/** Everything that the step stands on is in an image anyway. */
const isOfImage = ({ layers }: CacheEntry, ofImages: ReadonlySet<string>) =>
  layers.length > 0 && layers.every(({ chainId }) => ofImages.has(chainId))

interface Rule extends Omit<ParsedInputOf<'image.pruneBuilds'>, 'projectId'> {
  readonly now: number
}

/** What goes: without `all`, nothing that only images keep on the disk; with `keepBytes`, no more than brings the rest below. */
function doomed({ cache, making }: Omit<CacheShop, 'folder'>, projectId: string, rule: Rule): string[] {
  const ofImages = making.imageLayers(projectId)
  const all = cache.entries(projectId)
  const users = new Map<string, number>()
  for (const [, { layers }] of all) for (const { chainId } of layers) users.set(chainId, (users.get(chainId) ?? 0) + 1)
  let kept = [...users.keys()].reduce((sum, chainId) => sum + (ofImages.has(chainId) ? 0 : making.layerBytes(chainId)), 0)
  const gone: string[] = []
  for (const [key, entry] of all) {
    if (rule.keepBytes !== undefined && kept <= rule.keepBytes) break
    if (!rule.all && isOfImage(entry, ofImages)) continue
    if (rule.unusedMs !== undefined && entry.usedAt > rule.now - rule.unusedMs) continue
    if (rule.ids.length > 0 && !rule.ids.some((id) => id !== '' && key.startsWith(id))) continue
    gone.push(key)
    for (const { chainId } of entry.layers) {
      const left = (users.get(chainId) ?? 1) - 1
      users.set(chainId, left)
      if (left === 0 && !ofImages.has(chainId)) kept -= making.layerBytes(chainId)
    }
  }
  return gone
}

export async function pruneCache(
  shop: Omit<CacheShop, 'folder'>,
  { projectId, ...rule }: ParsedInputOf<'image.pruneBuilds'>,
): Promise<OutputOf<'image.pruneBuilds'>> {
  const deleted = doomed(shop, projectId, { ...rule, now: Date.now() })
  shop.cache.forget(projectId, deleted)
  await shop.cache.written()
  return { deleted, reclaimedBytes: await shop.making.sweep() }
}

const unusedAtMostMs = 60 * 24 * 3_600_000
const leastBytes = 2 * 1024 ** 3

/**
 * After each build: steps that no build has used for 60 days go, and the longest unused of the rest until the project's cache takes no
 * more than `mostBytes`, a tenth of the disk (but 2 GiB) where there is no such limit.
 */
export async function collectCache(shop: CacheShop, projectId: string, mostBytes: number | undefined): Promise<void> {
  const { blocks, bsize } = await statfs(shop.folder)
  const keepBytes = mostBytes ?? Math.max(leastBytes, (blocks * bsize) / 10)
  const now = Date.now()
  const old = doomed(shop, projectId, { now, all: true, ids: [], unusedMs: unusedAtMostMs })
  shop.cache.forget(projectId, old)
  const tooMany = doomed(shop, projectId, { now, all: false, ids: [], keepBytes })
  shop.cache.forget(projectId, tooMany)
  if (old.length + tooMany.length > 0) await shop.making.sweep()
}
