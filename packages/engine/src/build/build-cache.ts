import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { digestSchema, projectIdSchema } from '@gantry/contracts'
import { z } from 'zod'
import { layerRecordSchema, type LayerRecord } from '../image/records.ts'
import { readStateFile, replaceFile, setAside } from '../lib/atomic-file.ts'
import type { EngineConfig } from '../ports.ts'

const entrySchema = z.object({
  /** Digest of the config file that the step led to. */
  id: digestSchema,
  layers: z.array(layerRecordSchema),
  usedAt: z.number(),
})
export type CacheEntry = z.infer<typeof entrySchema>
const stateSchema = z.object({ version: z.literal(1), projects: z.record(projectIdSchema, z.record(z.string(), entrySchema)) })
type State = z.infer<typeof stateSchema>

/** Steps of one project that are kept; the longest unused go first. */
const maxEntries = 2000

/**
 * What the steps of earlier builds led to, per project: a key of the step and what it stood on gives a config file and layers. Their
 * content is the image store's, which keeps it while it is here. The file is written without waiting for the disk: what a crash takes
 * away is only built again.
 */
export class BuildCache {
  readonly #file: string
  readonly #log: EngineConfig['log']
  #state: State = { version: 1, projects: {} }
  #kept = new Set<string>()
  #writing: Promise<void> = Promise.resolve()

  constructor(folder: string, log: EngineConfig['log']) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#file = join(folder, 'cache.json')
    this.#log = log
    const read = readStateFile(this.#file)
    const parsed = read.kind === 'value' ? stateSchema.safeParse(read.value) : undefined
    if (parsed?.success) this.#state = parsed.data
    else if (read.kind !== 'missing')
      log('warn', `the build cache cannot be read; kept as ${setAside(this.#file)}, starting with an empty one`)
    this.#changed()
  }

  /** True for content that an entry stands on. */
  has(id: string): boolean {
    return this.#kept.has(id)
  }

  get(projectId: string, key: string): CacheEntry | undefined {
    const entry = this.#state.projects[projectId]?.[key]
    if (entry) entry.usedAt = Date.now()
    return entry
  }

  put(projectId: string, key: string, entry: Omit<CacheEntry, 'usedAt'>): void {
    this.#state.projects[projectId] ??= {}
    const entries = this.#state.projects[projectId]
    entries[key] = { ...entry, layers: [...entry.layers], usedAt: Date.now() }
    const oldest = Object.entries(entries).sort(([, a], [, b]) => a.usedAt - b.usedAt)
    for (const [old] of oldest.slice(0, Math.max(0, oldest.length - maxEntries))) delete entries[old]
    this.#changed()
    this.#save()
  }

  /** An entry whose content is gone. */
  forget(projectId: string, key: string): void {
    delete this.#state.projects[projectId]?.[key]
    this.#changed()
    this.#save()
  }

  /** Layers that the project's entries stand on, each once. */
  layers(projectId: string): LayerRecord[] {
    const layers = Object.values(this.#state.projects[projectId] ?? {}).flatMap((entry) => entry.layers)
    return [...new Map(layers.map((layer) => [layer.chainId, layer])).values()]
  }

  /** Forgets what was not used since `before` (milliseconds), or everything. Returns what the entries were called. */
  async prune(projectId: string, before = Number.POSITIVE_INFINITY): Promise<string[]> {
    const entries = this.#state.projects[projectId] ?? {}
    const old = Object.keys(entries).filter((key) => (entries[key]?.usedAt ?? 0) < before)
    const ids = old.map((key) => entries[key]?.id ?? '')
    for (const key of old) delete entries[key]
    if (Object.keys(entries).length === 0) delete this.#state.projects[projectId]
    this.#changed()
    this.#save()
    await this.#writing
    return [...new Set(ids)]
  }

  #changed(): void {
    const entries = Object.values(this.#state.projects).flatMap((project) => Object.values(project))
    this.#kept = new Set(entries.flatMap(({ id, layers }) => [id, ...layers.flatMap(({ digest, chainId }) => [digest, chainId])]))
  }

  #save(): void {
    this.#writing = this.#writing
      .then(() => replaceFile(this.#file, this.#state, { durable: false }))
      .catch((error) => this.#log('warn', 'the build cache cannot be written', { error: String(error) }))
  }
}
