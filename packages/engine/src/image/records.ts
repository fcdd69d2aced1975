import { join } from 'node:path'
import { digestSchema, projectIdSchema } from '@gantry/contracts'
import { z } from 'zod'
import { readStateFile, replaceFile, setAside } from '../lib/atomic-file.ts'
import type { EngineConfig } from '../ports.ts'

export const layerRecordSchema = z.object({
  digest: digestSchema,
  size: z.number(),
  mediaType: z.string(),
  diffId: digestSchema,
  chainId: digestSchema,
})
export type LayerRecord = z.infer<typeof layerRecordSchema>

/** An image's content, shared by all projects that have it. */
const imageRecord = z.object({
  /** Digest of the config. */
  id: digestSchema,
  manifest: digestSchema,
  manifestMediaType: z.string(),
  layers: z.array(layerRecordSchema),
})
export type ImageRecord = z.infer<typeof imageRecord>

/** What a project calls its images. Keys are full names: `docker.io/library/busybox:latest`, `docker.io/library/busybox@sha256:…`. */
const projectRecord = z.object({
  images: z.array(digestSchema),
  tags: z.record(z.string(), digestSchema),
  digests: z.record(z.string(), digestSchema),
})
export type ProjectRecord = z.infer<typeof projectRecord>

const state = z.object({
  version: z.literal(1),
  images: z.record(z.string(), imageRecord),
  projects: z.record(projectIdSchema, projectRecord),
})
type State = z.infer<typeof state>

/**
 * Names to images, per project: one small state file, replaced as a whole by every change. Changes are made in memory at once and
 * resolve when they are on the disk; those that come together share one write.
 */
export class ImageRecords {
  readonly #file: string
  #state: State = { version: 1, images: {}, projects: {} }
  #writing: Promise<void> | undefined
  #queued: Promise<void> | undefined
  /** One of those that the queued write carries must be on the disk before it is answered. */
  #queuedDurable = false
  /** Rises with every change. */
  generation = 0

  /** @param root folder of the content store */
  constructor(root: string, log: EngineConfig['log']) {
    this.#file = join(root, 'images.json')
    const read = readStateFile(this.#file)
    if (read.kind === 'missing') return
    const parsed = read.kind === 'value' ? state.safeParse(read.value) : undefined
    if (parsed?.success) this.#state = parsed.data
    else {
      const reason = read.kind === 'damaged' ? read.reason : 'has an unknown form'
      log('error', `the list of images ${reason}; kept as ${setAside(this.#file)}, starting with an empty one`)
    }
  }

  image(id: string): ImageRecord | undefined {
    return this.#state.images[id]
  }

  images(): ImageRecord[] {
    return Object.values(this.#state.images)
  }

  projects(): string[] {
    return Object.keys(this.#state.projects)
  }

  project(projectId: string): ProjectRecord {
    return this.#state.projects[projectId] ?? { images: [], tags: {}, digests: {} }
  }

  /**
   * Changes a project's names in place and stores the result. Images that no project has any more are forgotten. With
   * `durable: false` the disk has it with its next flush.
   */
  async change(
    projectId: string,
    change: (project: ProjectRecord) => void,
    added: { readonly image?: ImageRecord; readonly durable?: boolean } = {},
  ): Promise<void> {
    const before = this.project(projectId)
    const imagesBefore = { ...this.#state.images }
    const project = { images: [...before.images], tags: { ...before.tags }, digests: { ...before.digests } }
    change(project)
    if (added.image) this.#state.images[added.image.id] = added.image
    this.#state.projects[projectId] = project
    if (project.images.length === 0) delete this.#state.projects[projectId]
    const known = new Set(Object.values(this.#state.projects).flatMap((p) => p.images))
    for (const id of Object.keys(this.#state.images)) if (!known.has(id)) delete this.#state.images[id]
    const generation = ++this.generation
    try {
      await this.#save(added.durable ?? true)
    } catch (error) {
      // What is not on the disk did not happen. A later change that is in memory already keeps its own outcome.
      if (generation === this.generation) {
        this.#state.images = imagesBefore
        this.#state.projects[projectId] = before
      }
      throw error
    }
  }

  async #save(durable: boolean): Promise<void> {
    this.#queuedDurable ||= durable
    // A write that has not begun yet will carry this change as well.
    this.#queued ??= (this.#writing ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#writing = this.#queued
        this.#queued = undefined
        const options = { durable: this.#queuedDurable }
        this.#queuedDurable = false
        return replaceFile(this.#file, this.#state, options)
      })
    await this.#queued
  }
}
