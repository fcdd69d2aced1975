import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { readStateFile, replaceFile, setAside } from '../lib/atomic-file.ts'
import { Container, noSuchContainer } from './container.ts'
import { containerRecordSchema, savedStateSchema } from './record.ts'

type Log = (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void

interface ProjectIndex {
  readonly byId: Map<string, Container>
  /** Names in use, those of containers being created included. */
  readonly byName: Map<string, string>
}

/**
 * All containers: in memory, and as one folder each on disk (`<data>/containers/<id>/`), which is read only when the agent starts.
 * References are resolved inside one project, so that a foreign container cannot be told from one that does not exist.
 */
export class ContainerStore {
  readonly root: string
  /** Name of the machine's current boot. */
  readonly boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  readonly #projects = new Map<string, ProjectIndex>()
  readonly #all = new Map<string, Container>()
  readonly #log: Log

  constructor(dataDir: string, log: Log) {
    this.root = join(dataDir, 'containers')
    this.#log = log
    mkdirSync(this.root, { recursive: true, mode: 0o700 })
  }

  folder(id: string): string {
    return `${this.root}/${id}`
  }

  /** Reads every container's folder. Returns the ids of folders without a committed record: creates that were never finished. */
  load(): { uncommitted: string[] } {
    const uncommitted: string[] = []
    for (const entry of readdirSync(this.root)) {
      if (!/^[0-9a-f]{64}$/.test(entry)) continue
      const container = this.#read(entry)
      if (container) this.add(container)
      else uncommitted.push(entry)
    }
    return { uncommitted }
  }

  #read(id: string): Container | undefined {
    const path = join(this.folder(id), 'spec.json')
    const read = readStateFile(path)
    if (read.kind !== 'value') {
      if (read.kind === 'damaged') this.#log('error', 'container record is damaged', { path, reason: read.reason })
      return undefined
    }
    const parsed = containerRecordSchema.safeParse(read.value)
    if (!parsed.success) {
      this.#log('error', 'container record does not fit', { path, reason: parsed.error.issues[0]?.message })
      return undefined
    }
    const container = new Container(parsed.data)
    this.#readState(container)
    return container
  }

  #readState(container: Container): void {
    const path = join(this.folder(container.id), 'state.json')
    const read = readStateFile(path)
    if (read.kind === 'missing') return
    const parsed = savedStateSchema.safeParse(read.kind === 'value' ? read.value : undefined)
    if (!parsed.success) {
      const aside = setAside(path)
      this.#log('error', 'container state is damaged; kept aside and rebuilt from the kernel', { container: container.id, aside })
      // Taken as having run: the monitor, when there is one, tells better.
      container.state = { ...container.state, status: 'exited', exitCode: 255, error: 'the state file was damaged' }
      return
    }
    container.state = parsed.data.state
    container.stoppedByUser = parsed.data.stoppedByUser
    container.lastStart = parsed.data.lastStart
    container.apparmorProfile = parsed.data.apparmorProfile
    // What ran in an earlier boot of the machine cannot run now.
    if (parsed.data.boot !== this.boot && container.running) container.started = undefined
  }

  add(container: Container): void {
    const index = this.#project(container.projectId)
    index.byId.set(container.id, container)
    index.byName.set(container.name, container.id)
    this.#all.set(container.id, container)
  }

  delete(container: Container): void {
    const index = this.#project(container.projectId)
    index.byId.delete(container.id)
    if (index.byName.get(container.name) === container.id) index.byName.delete(container.name)
    this.#all.delete(container.id)
  }

  /** Takes a name for a container of the project. Throws `already_exists`. */
  reserveName(projectId: string, name: string, id: string): void {
    const index = this.#project(projectId)
    const owner = index.byName.get(name)
    if (owner === id) return
    if (owner !== undefined) {
      throw new GantryError('already_exists', `the name ${name} is already in use by container ${owner.slice(0, 12)}`, {
        field: 'spec.name',
        value: name,
        remedy: 'choose another name, or remove or rename that container',
      })
    }
    index.byName.set(name, id)
  }

  releaseName(projectId: string, name: string, id: string): void {
    const { byName } = this.#project(projectId)
    if (byName.get(name) === id) byName.delete(name)
  }

  nameTaken(projectId: string, name: string): boolean {
    return this.#project(projectId).byName.has(name)
  }

  /** By id, name, or unambiguous prefix of an id. Throws `not_found`, or `invalid_input` for an ambiguous prefix. */
  find(projectId: string, reference: string): Container {
    const index = this.#projects.get(projectId)
    const found = index && (index.byId.get(reference) ?? index.byId.get(index.byName.get(reference) ?? '') ?? byPrefix(index, reference))
    if (!found || found.removed) throw noSuchContainer(reference)
    return found
  }

  get(id: string): Container | undefined {
    return this.#all.get(id)
  }

  list(projectId?: string): Container[] {
    return [...(projectId === undefined ? this.#all : (this.#projects.get(projectId)?.byId ?? new Map<string, Container>())).values()]
  }

  /** Writes `state.json`, one write after the other. Not durable where a monitor or the kernel can tell the fact again. */
  saveState(container: Container, options: { durable: boolean }): Promise<void> {
    const durable = options.durable ? 'content' : false
    const write = () => replaceFile(`${this.folder(container.id)}/state.json`, container.saved(this.boot), { durable })
    const mine: Promise<void> = container.saving ? container.saving.then(write, write) : write()
    container.saving = mine
    const done = () => {
      if (container.saving === mine) container.saving = undefined
    }
    mine.then(done, done)
    return mine
  }

  /** Writes `spec.json` of a container that exists. */
  saveRecord(container: Container): Promise<void> {
    return replaceFile(`${this.folder(container.id)}/spec.json`, container.record)
  }

  #project(id: string): ProjectIndex {
    let index = this.#projects.get(id)
    if (!index) {
      index = { byId: new Map(), byName: new Map() }
      this.#projects.set(id, index)
    }
    return index
  }
}

function byPrefix(index: ProjectIndex, prefix: string): Container | undefined {
  if (!/^[0-9a-f]{1,63}$/.test(prefix)) return undefined
  let found: Container | undefined
  for (const [id, container] of index.byId) {
    if (!id.startsWith(prefix)) continue
    if (found) throw new GantryError('invalid_input', `container id ${prefix} is ambiguous: use more of its digits`, { value: prefix })
    found = container
  }
  return found
}
