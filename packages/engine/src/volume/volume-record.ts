import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { projectIdSchema, volumeNameSchema } from '@gantry/contracts'
import { z } from 'zod'
import { createFile, readStateFile, replaceFile, setAside } from '../lib/atomic-file.ts'
import type { EngineConfig } from '../ports.ts'

const recordSchema = z.object({
  name: volumeNameSchema,
  projectId: projectIdSchema,
  driver: z.string().default('local'),
  options: z.record(z.string(), z.string()).default({}),
  /** Of a bind: the path that the policy allowed, without links. */
  judgedDevice: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.string(),
  anonymous: z.boolean(),
  /** The image's content has been copied in; never done twice. */
  filled: z.boolean(),
  /** Ids of the containers that mount it. */
  users: z.array(z.string()),
  /** Those of them for which something is mounted on the host, by a plugin or by us. */
  holders: z.array(z.string()).default([]),
})
export type VolumeRecord = z.infer<typeof recordSchema>

/**
 * Volumes on the disk: `<dataDir>/volumes/<projectId>/<name>/` with `_data` (the content) and `volume.json`, which is made last. A folder
 * with content but without a readable `volume.json` is somebody's data: it becomes a volume without labels, and is never removed.
 */
export class VolumeRecords {
  readonly #root: string
  readonly #records = new Map<string, VolumeRecord>()

  private constructor(root: string) {
    this.#root = root
  }

  static async open(config: Pick<EngineConfig, 'dataDir' | 'log'>): Promise<VolumeRecords> {
    const records = new VolumeRecords(join(config.dataDir, 'volumes'))
    mkdirSync(records.#root, { recursive: true, mode: 0o700 })
    await rm(records.#trash, { recursive: true, force: true })
    mkdirSync(records.#trash)
    for (const projectId of readdirSync(records.#root).filter((name) => projectIdSchema.safeParse(name).success)) {
      for (const name of readdirSync(join(records.#root, projectId))) await records.#read(projectId, name, config.log)
    }
    return records
  }

  get #trash(): string {
    return join(this.#root, '.trash')
  }

  folder(volume: { projectId: string; name: string }): string {
    return join(this.#root, projectIdSchema.parse(volume.projectId), volumeNameSchema.parse(volume.name))
  }

  data(volume: { projectId: string; name: string }): string {
    return join(this.folder(volume), '_data')
  }

  get(projectId: string, name: string): VolumeRecord | undefined {
    return this.#records.get(key(projectId, name))
  }

  list(projectId?: string): VolumeRecord[] {
    const all = [...this.#records.values()].filter((record) => !projectId || record.projectId === projectId)
    return all.sort((a, b) => a.name.localeCompare(b.name))
  }

  async create(record: VolumeRecord): Promise<void> {
    const folder = this.folder(record)
    mkdirSync(this.data(record), { recursive: true })
    try {
      await createFile(join(folder, 'volume.json'), record)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
    this.#records.set(key(record.projectId, record.name), record)
  }

  async replace(record: VolumeRecord): Promise<void> {
    await replaceFile(join(this.folder(record), 'volume.json'), record)
    this.#records.set(key(record.projectId, record.name), record)
  }

  /** Removes what is in the volume; the folder itself may be mounted somewhere and stays. */
  async empty(record: VolumeRecord): Promise<void> {
    const data = this.data(record)
    for (const name of readdirSync(data)) await rm(join(data, name), { recursive: true, force: true })
  }

  /** Out of sight in one step, then file by file. */
  async remove(record: VolumeRecord): Promise<void> {
    const doomed = join(this.#trash, randomBytes(8).toString('hex'))
    renameSync(this.folder(record), doomed)
    this.#records.delete(key(record.projectId, record.name))
    await rm(doomed, { recursive: true, force: true })
  }

  async #read(projectId: string, name: string, log: EngineConfig['log']): Promise<void> {
    if (!volumeNameSchema.safeParse(name).success) return
    const folder = join(this.#root, projectId, name)
    const file = join(folder, 'volume.json')
    const read = readStateFile(file)
    const parsed = read.kind === 'value' ? recordSchema.safeParse(read.value) : undefined
    if (parsed?.success) {
      this.#records.set(key(projectId, name), parsed.data)
      return
    }
    if (read.kind !== 'missing') log('error', `the record of volume ${projectId}/${name} is damaged; kept as ${setAside(file)}`)
    if (isEmpty(join(folder, '_data'))) {
      if (read.kind === 'missing') await rm(folder, { recursive: true, force: true })
      return
    }
    log('warn', `volume ${projectId}/${name} has content but no record: kept, without its labels`)
    const createdAt = new Date().toISOString()
    const plain = { driver: 'local', options: {}, labels: {}, holders: [] }
    await this.create({ name, projectId, ...plain, createdAt, anonymous: false, filled: true, users: [] })
  }
}

const key = (projectId: string, name: string) => `${projectId}/${name}`

/** True for a folder without entries and for one that is not there. */
export function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}
