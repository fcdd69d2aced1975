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
  /** Of the beginning of the build that used it last, so that all steps of one build are of one age. */
  usedAt: z.number(),
  createdAt: z.number(),
  uses: z.number(),
  /** As the history has it. */
  description: z.string(),
  /** Key of the step before, where that is a cached one. */
  parent: z.string().optional(),
})
export type CacheEntry = z.infer<typeof entrySchema>
const stateSchema = z.object({ version: z.literal(2), projects: z.record(projectIdSchema, z.record(z.string(), entrySchema)) })
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
  #state: State = { version: 2, projects: {} }
  /** Put together when it is asked for. */
  #kept: Set<string> | undefined
  #writing: Promise<void> = Promise.resolve()
  #waiting = false

  constructor(folder: string, log: EngineConfig['log']) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#file = join(folder, 'cache.json')
    this.#log = log
    const read = readStateFile(this.#file)
    const parsed = read.kind === 'value' ? stateSchema.safeParse(read.value) : undefined
    if (parsed?.success) this.#state = parsed.data
    else if (read.kind !== 'missing')
      log('warn', `the build cache cannot be read; kept as ${setAside(this.#file)}, starting with an empty one`)
  }

  /** True for content that an entry stands on. */
  has(id: string): boolean {
    this.#kept ??= keptContent(this.#state)
    return this.#kept.has(id)
  }

  get(projectId: string, key: string): CacheEntry | undefined {
    return this.#state.projects[projectId]?.[key]
  }

  /** Keeps what a step led to, or notes that a build which began at `usedAt` used it again. */
  put(projectId: string, key: string, step: Omit<CacheEntry, 'createdAt' | 'uses'>): void {
    this.#state.projects[projectId] ??= {}
    const entries = this.#state.projects[projectId]
    const before = entries[key]?.id === step.id ? entries[key] : undefined
    entries[key] = { ...step, layers: [...step.layers], createdAt: before?.createdAt ?? Date.now(), uses: (before?.uses ?? 0) + 1 }
    if (Object.keys(entries).length > maxEntries) for (const old of byAge(entries).slice(0, -maxEntries)) delete entries[old]
    this.#changed()
  }

  /** Entries whose content is gone, or that are not wanted any more. */
  forget(projectId: string, keys: readonly string[]): void {
    const entries = this.#state.projects[projectId] ?? {}
    for (const key of keys) delete entries[key]
    if (Object.keys(entries).length === 0) delete this.#state.projects[projectId]
    this.#changed()
  }

  /** A project's entries by key, those first that go first: the longest unused, and of one build the last steps. */
  entries(projectId: string): [key: string, entry: CacheEntry][] {
    const entries = this.#state.projects[projectId] ?? {}
    return byAge(entries).flatMap((key) => (entries[key] ? [[key, entries[key]] as [string, CacheEntry]] : []))
  }

  /** Layers that the project's entries stand on, each once. */
  layers(projectId: string): LayerRecord[] {
    const layers = Object.values(this.#state.projects[projectId] ?? {}).flatMap((entry) => entry.layers)
    return [...new Map(layers.map((layer) => [layer.chainId, layer])).values()]
  }

  /** Waits until the file says what is so now. */
  async written(): Promise<void> {
    await this.#writing
  }

  #changed(): void {
    this.#kept = undefined
    // A write that has not begun yet takes this along.
    if (this.#waiting) return
    this.#waiting = true
    this.#writing = this.#writing
      .then(() => {
        this.#waiting = false
        return replaceFile(this.#file, this.#state, { durable: false })
      })
      .catch((error) => this.#log('warn', 'the build cache cannot be written', { error: String(error) }))
  }
}

function byAge(entries: Readonly<Record<string, CacheEntry>>): string[] {
  const keys = Object.keys(entries).reverse()
  return keys.sort((a, b) => (entries[a]?.usedAt ?? 0) - (entries[b]?.usedAt ?? 0))
}

function keptContent(state: State): Set<string> {
  const entries = Object.values(state.projects).flatMap((project) => Object.values(project))
  return new Set(entries.flatMap(({ id, layers }) => [id, ...layers.flatMap(({ digest, chainId }) => [digest, chainId])]))
}
