import { join } from 'node:path'
import { type EngineProject, GantryError, projectIdSchema, resourcesSchema } from '@gantry/contracts'
import { z } from 'zod'
import { readStateFile, replaceFile, setAside } from '../lib/atomic-file.ts'
import { overlaps, pickIdBase, readSubordinateIds } from './id-range.ts'

const savedSchema = z.object({
  version: z.literal(1),
  projects: z.array(z.object({ id: projectIdSchema, resources: resourcesSchema, idBase: z.number().int() })),
})
export type KnownProject = EngineProject & { readonly idBase: number }

/** The projects this instance knows, their limits and id ranges: `<data>/projects.json`. A range once given stays with its project. */
export class ProjectStore {
  readonly #path: string
  readonly #instanceId: string
  readonly #projects = new Map<string, KnownProject>()

  /** Throws `internal` when the file is damaged: giving ids anew would hand one project's files to another. */
  constructor(dataDir: string, instanceId: string) {
    this.#path = join(dataDir, 'projects.json')
    this.#instanceId = instanceId
    const read = readStateFile(this.#path)
    if (read.kind === 'missing') return
    const parsed = savedSchema.safeParse(read.kind === 'value' ? read.value : undefined)
    if (!parsed.success) {
      const aside = setAside(this.#path)
      throw new GantryError('internal', `the list of projects ${this.#path} is damaged; it was kept as ${aside}`, {
        remedy: 'restore it from a backup, or start again without it when no container is to be kept',
      })
    }
    for (const project of parsed.data.projects) this.#projects.set(project.id, project)
  }

  /** Throws `not_found`. */
  get(id: string): KnownProject {
    const project = this.#projects.get(id)
    if (!project) throw new GantryError('not_found', `no such project: ${id}`, { value: id })
    return project
  }

  has(id: string): boolean {
    return this.#projects.has(id)
  }

  list(): KnownProject[] {
    return [...this.#projects.values()]
  }

  /** Makes the project known or changes its limits, on disk first. */
  async put({ id, resources }: EngineProject): Promise<KnownProject> {
    const others = readSubordinateIds()
    const taken = (idBase: number) => overlaps(idBase, others) || this.list().some((project) => project.idBase === idBase)
    const idBase = this.#projects.get(id)?.idBase ?? pickIdBase(this.#instanceId, id, taken)
    const project = { id, resources, idBase }
    const before = this.#projects.get(id)
    this.#projects.set(id, project)
    try {
      await this.#save()
    } catch (error) {
      if (before) this.#projects.set(id, before)
      else this.#projects.delete(id)
      throw error
    }
    return project
  }

  async delete(id: string): Promise<void> {
    if (this.#projects.delete(id)) await this.#save()
  }

  #save(): Promise<void> {
    return replaceFile(this.#path, { version: 1, projects: this.list() })
  }
}
