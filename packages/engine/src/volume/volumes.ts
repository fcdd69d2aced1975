import { createHash, randomBytes } from 'node:crypto'
import { type AgentHandlers, GantryError, type MountSpec, type VolumeInspect } from '@gantry/contracts'
import { ioErrors } from '../image/io-errors.ts'
import type { Unpacker } from '../kernel/unpack.ts'
import { KeyedLock } from '../lib/keyed-lock.ts'
import { matchesLabels } from '../lib/labels.ts'
import type { EngineConfig, EventBus, ResolvedMount, VolumeStore } from '../ports.ts'
import { diskUsage } from '../snapshot/disk-usage.ts'
import { bindSource } from './bind-source.ts'
import { tmpfsOptions } from './resolved-mount.ts'
import { fillVolume, finishFilling } from './fill-volume.ts'
import { type VolumeRecord, VolumeRecords } from './volume-record.ts'

/** What `createVolumes` needs; made once at wiring. */
export interface VolumesOptions {
  readonly config: EngineConfig
  readonly events: Pick<EventBus, 'emit'>
  readonly unpacker: Pick<Unpacker, 'copy'>
  /** Name of a container, for `usedBy` and messages; undefined when it is unknown. */
  readonly containerName: (containerId: string) => string | undefined
}

export type VolumeHandlers = Pick<AgentHandlers, 'volume.create' | 'volume.list' | 'volume.inspect' | 'volume.remove' | 'volume.prune'>

export interface Volumes extends VolumeStore {
  readonly handlers: VolumeHandlers
  /** Number of a project's volumes, and the bytes they take on the disk (walks them). */
  usage(projectId: string): Promise<{ volumes: number; sizeBytes: number }>
  /** Removes every volume of a project that is being removed. */
  removeProject(projectId: string): Promise<void>
}

/** Opens the volumes below `<dataDir>/volumes` and completes what a crash interrupted. */
export async function createVolumes(options: VolumesOptions): Promise<Volumes> {
  const records = await VolumeRecords.open(options.config)
  for (const record of records.list()) if (!record.filled) await finishFilling(records, record)
  const store = new Store(options, records)
  return {
    handlers: {
      'volume.create': (input) => ioErrors(() => store.create(input.projectId, input.spec)),
      'volume.list': (input) => ioErrors(() => store.list(input)),
      'volume.inspect': (input) => ioErrors(async () => store.inspect(store.find(input.projectId, input.volume))),
      'volume.remove': (input) => ioErrors(() => store.remove(input)),
      'volume.prune': (input) => ioErrors(() => store.prune(input)),
    },
    resolve: (request) => ioErrors(() => store.resolve(request)),
    release: (containerId, removeAnonymous) => ioErrors(() => store.release(containerId, removeAnonymous)),
    fill: (request) => ioErrors(() => store.fill(request)),
    usage: (projectId) => store.usage(projectId),
    removeProject: (projectId) => ioErrors(() => store.removeProject(projectId)),
  }
}

/** Docker's label of volumes that nobody named. */
const anonymousLabel = 'com.docker.volume.anonymous'

class Store {
  readonly #options: VolumesOptions
  readonly #records: VolumeRecords
  readonly #locks = new KeyedLock()

  constructor(options: VolumesOptions, records: VolumeRecords) {
    this.#options = options
    this.#records = records
  }

  find(projectId: string, name: string): VolumeRecord {
    const record = this.#records.get(projectId, name)
    if (record) return record
    throw new GantryError('not_found', `no such volume: ${name}`, { field: 'volume', value: name })
  }

  inspect(record: VolumeRecord): VolumeInspect {
    const { name, projectId, labels, createdAt, anonymous } = record
    const usedBy = record.users.map((id) => this.#options.containerName(id) ?? id.slice(0, 12))
    return { name, projectId, driver: 'local', mountpoint: this.#records.data(record), labels, createdAt, anonymous, usedBy }
  }

  /** As with docker, a volume that is there already is the answer. */
  async create(projectId: string, spec: { name?: string | undefined; labels: Record<string, string> }): Promise<VolumeInspect> {
    const anonymous = spec.name === undefined
    const name = spec.name ?? randomBytes(32).toString('hex')
    const labels = anonymous ? { [anonymousLabel]: '', ...spec.labels } : spec.labels
    return this.#locked({ projectId, name }, async () => this.inspect(await this.#ensure({ projectId, name, labels, anonymous })))
  }

  async list(input: { projectId?: string | undefined; size: boolean; labels?: string[] | undefined }): Promise<VolumeInspect[]> {
    const wanted = this.#records.list(input.projectId).filter((record) => matchesLabels(record.labels, input.labels))
    const volumes: VolumeInspect[] = []
    for (const record of wanted) {
      const size = input.size ? { sizeBytes: await diskUsage(this.#records.data(record)) } : {}
      volumes.push({ ...this.inspect(record), ...size })
    }
    return volumes
  }

  /** `force`: one that is not there is no error. */
  async remove(input: { projectId: string; volume: string; force: boolean }): Promise<Record<string, never>> {
    await this.#locked({ projectId: input.projectId, name: input.volume }, async () => {
      if (input.force && !this.#records.get(input.projectId, input.volume)) return
      const record = this.find(input.projectId, input.volume)
      const { usedBy } = this.inspect(record)
      if (usedBy.length > 0) {
        throw new GantryError('wrong_state', `volume ${record.name} is in use by ${usedBy.join(', ')}`, {
          remedy: 'remove the containers first',
        })
      }
      await this.#destroy(record)
    })
    return {}
  }

  async prune(input: {
    projectId: string
    all: boolean
    labels?: string[] | undefined
  }): Promise<{ removed: string[]; reclaimedBytes: number }> {
    const removed: string[] = []
    let reclaimedBytes = 0
    for (const { name } of this.#records.list(input.projectId)) {
      await this.#locked({ projectId: input.projectId, name }, async () => {
        const record = this.#records.get(input.projectId, name)
        if (!record || record.users.length > 0 || !(record.anonymous || input.all) || !matchesLabels(record.labels, input.labels)) return
        const bytes = await diskUsage(this.#records.data(record))
        await this.#destroy(record)
        removed.push(name)
        reclaimedBytes += bytes
      })
    }
    return { removed, reclaimedBytes }
  }

  async resolve(request: Parameters<VolumeStore['resolve']>[0]): Promise<ResolvedMount[]> {
    const mounts = withImageVolumes(request.mounts, request.imageVolumes)
    const resolved: ResolvedMount[] = []
    try {
      for (const mount of mounts) resolved.push(await this.#resolveMount(mount, request))
      return resolved
    } catch (error) {
      await this.release(request.containerId, true)
      throw error
    }
  }

  async release(containerId: string, removeAnonymous: boolean): Promise<void> {
    for (const { projectId, name } of this.#records.list().filter((record) => record.users.includes(containerId))) {
      await this.#locked({ projectId, name }, async () => {
        const record = this.#records.get(projectId, name)
        if (!record) return
        const users = record.users.filter((id) => id !== containerId)
        if (removeAnonymous && record.anonymous && users.length === 0) await this.#destroy(record)
        else await this.#records.replace({ ...record, users })
      })
    }
  }

  async fill(request: Parameters<VolumeStore['fill']>[0]): Promise<void> {
    const { unpacker } = this.#options
    if (this.find(request.projectId, request.name).filled) return
    await this.#locked(request, () =>
      fillVolume(this.#records, this.find(request.projectId, request.name), {
        unpacker,
        path: request.target,
        lowerDirs: request.lowerDirs,
      }),
    )
  }

  async usage(projectId: string): Promise<{ volumes: number; sizeBytes: number }> {
    const records = this.#records.list(projectId)
    let sizeBytes = 0
    for (const record of records) sizeBytes += await diskUsage(this.#records.data(record))
    return { volumes: records.length, sizeBytes }
  }

  async removeProject(projectId: string): Promise<void> {
    for (const record of this.#records.list(projectId)) await this.#locked(record, () => this.#destroy(record))
  }

  async #resolveMount(mount: MountSpec, request: Parameters<VolumeStore['resolve']>[0]): Promise<ResolvedMount> {
    const common = { target: mount.target, propagation: 'rprivate', recursive: true, copyUp: false, idmapped: true }
    if (mount.type === 'tmpfs') {
      return { ...common, type: 'tmpfs', source: '', readOnly: mount.readOnly, idmapped: false, tmpfs: tmpfsOptions(mount) }
    }
    if (mount.type === 'bind') {
      const { dataDir, runDir } = this.#options.config
      const source = await bindSource(mount.source, { create: mount.createSource, ownFolders: [dataDir, runDir] })
      const { type, readOnly, propagation, recursive, readOnlyRecursive } = mount
      return { ...common, type, source, readOnly, propagation, recursive, readOnlyRecursive }
    }
    if (mount.type === 'image') throw new GantryError('unsupported', 'image mounts are not built yet', { field: 'mounts' })
    if ((mount.driver ?? 'local') !== 'local' || Object.keys(mount.driverOptions ?? {}).length > 0) {
      throw new GantryError('unsupported', 'volume drivers and their options are not built yet', { field: 'mounts' })
    }
    const record = await this.#pin(mount, request)
    const source = this.#records.data(record)
    // What is mounted of a part of a volume must be there, and nothing tells which part of the image would fill it.
    const copyUp = !mount.noCopy && mount.subpath === undefined
    return { ...common, type: 'volume', name: record.name, source, subpath: mount.subpath, readOnly: mount.readOnly, copyUp }
  }

  /** Makes the volume when it is missing and notes its user. An anonymous one is named after container and target, so asking again finds it. */
  async #pin(mount: Extract<MountSpec, { type: 'volume' }>, request: { projectId: string; containerId: string }): Promise<VolumeRecord> {
    const { projectId, containerId } = request
    const anonymous = mount.source === undefined
    const name = mount.source ?? createHash('sha256').update(`${containerId}\0${mount.target}`).digest('hex')
    return this.#locked({ projectId, name }, async () => {
      const labels: Record<string, string> = anonymous ? { [anonymousLabel]: '', 'gantry.container': containerId } : {}
      const record = await this.#ensure({ projectId, name, labels, anonymous, user: containerId })
      if (record.users.includes(containerId)) return record
      const pinned = { ...record, users: [...record.users, containerId] }
      await this.#records.replace(pinned)
      return pinned
    })
  }

  async #ensure(wanted: Pick<VolumeRecord, 'projectId' | 'name' | 'labels' | 'anonymous'> & { user?: string }): Promise<VolumeRecord> {
    const { user, ...identity } = wanted
    const known = this.#records.get(wanted.projectId, wanted.name)
    if (known) return known
    const record = { ...identity, createdAt: new Date().toISOString(), filled: false, users: user ? [user] : [] }
    await this.#records.create(record)
    this.#emit('create', record)
    return record
  }

  async #destroy(record: VolumeRecord): Promise<void> {
    await this.#records.remove(record)
    this.#emit('destroy', record)
  }

  #emit(action: string, record: VolumeRecord): void {
    this.#options.events.emit({ type: 'volume', action, id: record.name, projectId: record.projectId, attributes: { driver: 'local' } })
  }

  #locked<T>(volume: { projectId: string; name: string }, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(`${volume.projectId}/${volume.name}`, work)
  }
}

/** The image's VOLUMEs that nothing is mounted on become anonymous volumes. */
function withImageVolumes(mounts: readonly MountSpec[], imageVolumes: readonly string[]): readonly MountSpec[] {
  const plain = (path: string) => path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')
  const taken = new Set<string>()
  for (const { target } of mounts) {
    if (taken.has(plain(target))) throw new GantryError('invalid_input', `two mounts at ${target}`, { field: 'mounts', value: target })
    taken.add(plain(target))
  }
  const missing = imageVolumes.filter((target) => target.startsWith('/') && !taken.has(plain(target)))
  return [...mounts, ...missing.map((target): MountSpec => ({ type: 'volume', target, readOnly: false, noCopy: false }))]
}
