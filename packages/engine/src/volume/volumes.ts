import { createHash, randomBytes } from 'node:crypto'
import {
  type AgentHandlers,
  developerPolicy,
  GantryError,
  type MountSpec,
  type Policy,
  type VolumeInspect,
  type VolumeSpec,
} from '@gantry/contracts'
import { tellPruned } from '../event/tell-pruned.ts'
import { ioErrors } from '../image/io-errors.ts'
import type { Archiver } from '../kernel/archiver.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Unpacker } from '../kernel/unpack.ts'
import { KeyedLock } from '../lib/keyed-lock.ts'
import { matchesLabels } from '../lib/labels.ts'
import type { EngineConfig, EventBus, ResolvedMount, VolumeStore } from '../ports.ts'
import { diskUsage } from '../snapshot/disk-usage.ts'
import { bindSource } from './bind-source.ts'
import { tmpfsOptions } from './resolved-mount.ts'
import { checkPropagation } from './propagation.ts'
import { fillVolume, finishFilling } from './fill-volume.ts'
import { judgeVolume } from '../policy/judge-volume.ts'
import { VolumeBackend } from './volume-backend.ts'
import { VolumeCopies } from './volume-copies.ts'
import type { PluginFolders } from './volume-plugin.ts'
import { type VolumeRecord, VolumeRecords } from './volume-record.ts'

/** What `createVolumes` needs; made once at wiring. */
export interface VolumesOptions {
  readonly config: EngineConfig
  readonly events: Pick<EventBus, 'emit'>
  readonly unpacker: Pick<Unpacker, 'copy'>
  readonly archiver: Pick<Archiver, 'get' | 'put' | 'copy'>
  readonly kernel: Pick<Kernel, 'ops'>
  /** Docker's when absent. */
  readonly pluginFolders?: PluginFolders
  /** Name of a container, for `usedBy` and messages; undefined when it is unknown. */
  readonly containerName: (containerId: string) => string | undefined
}

export type VolumeHandlers = Pick<AgentHandlers, Extract<keyof AgentHandlers, `volume.${string}`>>

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
  const backend = new VolumeBackend({ records, kernel: options.kernel, pluginFolders: options.pluginFolders })
  const store = new Store(options, records, backend)
  const copies = new VolumeCopies({ ...options, records, backend, volumes: store })
  return {
    handlers: {
      'volume.create': (input) => ioErrors(() => store.create(input)),
      'volume.list': (input) => ioErrors(() => store.list(input)),
      'volume.inspect': (input) => ioErrors(async () => store.describe(store.find(input.projectId, input.volume))),
      'volume.remove': (input) => ioErrors(() => store.remove(input)),
      'volume.prune': (input) => ioErrors(() => store.prune(input)),
      'volume.export': (input, channel, signal) => ioErrors(() => copies.exportTar(input, channel, signal)),
      'volume.import': (input, channel, signal) => ioErrors(() => copies.importTar(input, channel, signal)),
      'volume.clone': (input) => ioErrors(() => copies.clone(input)),
    },
    resolve: (request) => ioErrors(() => store.resolve(request)),
    attach: (request) => ioErrors(() => store.attach(request)),
    detach: (containerId) => ioErrors(() => store.detach(containerId)),
    recover: (running) => ioErrors(() => store.recover(running)),
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
  readonly #backend: VolumeBackend
  readonly #locks = new KeyedLock()

  constructor(options: VolumesOptions, records: VolumeRecords, backend: VolumeBackend) {
    this.#options = options
    this.#records = records
    this.#backend = backend
  }

  find(projectId: string, name: string): VolumeRecord {
    const record = this.#records.get(projectId, name)
    if (record) return record
    throw new GantryError('not_found', `no such volume: ${name}`, { field: 'volume', value: name })
  }

  inspect(record: VolumeRecord): VolumeInspect {
    const { name, projectId, driver, options, labels, createdAt, anonymous } = record
    const usedBy = record.users.map((id) => this.#options.containerName(id) ?? id.slice(0, 12))
    const mountpoint = driver === 'local' ? this.#records.data(record) : ''
    return { name, projectId, driver, mountpoint, options, labels, createdAt, anonymous, usedBy }
  }

  /** With what a plugin says of it. */
  async describe(record: VolumeRecord): Promise<VolumeInspect> {
    return { ...this.inspect(record), ...(await this.#backend.describe(record)) }
  }

  /** As with docker, a volume that is there already is the answer, unless another driver has it. */
  async create({ projectId, spec, policy = developerPolicy }: CreateInput): Promise<VolumeInspect> {
    const judgedDevice = await judgeVolume(spec, policy, this.#ownFolders)
    // The label as well: whoever needs to know the name beforehand chooses it for docker's clients.
    const anonymous = spec.name === undefined || spec.labels[anonymousLabel] !== undefined
    const name = spec.name ?? randomBytes(32).toString('hex')
    const labels = anonymous ? { [anonymousLabel]: '', ...spec.labels } : spec.labels
    const { driver, options } = spec
    return this.locked({ projectId, name }, async () => {
      return this.describe(await this.#ensure({ projectId, name, labels, anonymous, driver, options, judgedDevice }))
    })
  }

  async list(input: { projectId?: string | undefined; size: boolean; labels?: string[] | undefined }): Promise<VolumeInspect[]> {
    const wanted = this.#records.list(input.projectId).filter((record) => matchesLabels(record.labels, input.labels))
    const volumes: VolumeInspect[] = []
    for (const record of wanted) {
      const size = input.size ? { sizeBytes: await this.#size(record) } : {}
      volumes.push({ ...(await this.describe(record)), ...size })
    }
    return volumes
  }

  /** `force`: one that is not there is no error. */
  async remove(input: { projectId: string; volume: string; force: boolean }): Promise<Record<string, never>> {
    await this.locked({ projectId: input.projectId, name: input.volume }, async () => {
      if (input.force && !this.#records.get(input.projectId, input.volume)) return
      const record = this.find(input.projectId, input.volume)
      const { usedBy } = this.inspect(record)
      if (usedBy.length > 0) {
        throw new GantryError('wrong_state', `volume ${record.name} is in use by ${usedBy.join(', ')}`, {
          value: record.users.join(', '),
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
    names?: string[] | undefined
    labels?: string[] | undefined
  }): Promise<{ removed: string[]; reclaimedBytes: number }> {
    const removed: string[] = []
    let reclaimedBytes = 0
    for (const { name } of this.#records.list(input.projectId)) {
      if (input.names && !input.names.includes(name)) continue
      await this.locked({ projectId: input.projectId, name }, async () => {
        const record = this.#records.get(input.projectId, name)
        if (!record || record.users.length > 0 || !(record.anonymous || input.all) || !matchesLabels(record.labels, input.labels)) return
        const bytes = await this.#size(record)
        await this.#destroy(record)
        removed.push(name)
        reclaimedBytes += bytes
      })
    }
    tellPruned(this.#options.events, 'volume', input.projectId, reclaimedBytes)
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
      await this.locked({ projectId, name }, async () => {
        const record = this.#records.get(projectId, name)
        if (!record) return
        const users = record.users.filter((id) => id !== containerId)
        if (removeAnonymous && record.anonymous && users.length === 0) await this.#destroy(record)
        else await this.#records.replace({ ...record, users })
      })
    }
  }

  async attach({ projectId, containerId, mounts }: Parameters<VolumeStore['attach']>[0]): Promise<ResolvedMount[]> {
    const attached: ResolvedMount[] = []
    for (const mount of mounts) {
      if (mount.type !== 'volume' || mount.name === undefined) attached.push(mount)
      else attached.push(await this.#attachVolume({ projectId, name: mount.name }, mount, containerId))
    }
    await checkPropagation(attached)
    return attached
  }

  #attachVolume(volume: { projectId: string; name: string }, mount: ResolvedMount, containerId: string): Promise<ResolvedMount> {
    return this.locked(volume, async () => {
      let record = this.find(volume.projectId, volume.name)
      if (this.#backend.isHeld(record) && !record.holders.includes(containerId)) {
        // Noted first: what a crash leaves mounted is found by it.
        record = { ...record, holders: [...record.holders, containerId] }
        await this.#records.replace(record)
      }
      return this.#backend.attach(record, mount, containerId)
    })
  }

  async detach(containerId: string): Promise<void> {
    for (const { projectId, name } of this.#records.list().filter((record) => record.holders.includes(containerId))) {
      await this.locked({ projectId, name }, async () => {
        const record = this.#records.get(projectId, name)
        if (!record?.holders.includes(containerId)) return
        const holders = record.holders.filter((id) => id !== containerId)
        await this.#backend.detach(record, containerId, holders.length === 0)
        await this.#records.replace({ ...record, holders })
      })
    }
  }

  async recover(running: ReadonlySet<string>): Promise<void> {
    const gone = new Set(this.#records.list().flatMap((record) => record.holders.filter((id) => !running.has(id))))
    for (const id of gone) {
      await this.detach(id).catch((error: unknown) => {
        // A plugin that is not up yet is asked again when the container ends its next run.
        this.#options.config.log('warn', 'a volume cannot be given back', { container: id, error: String(error) })
      })
    }
  }

  async #size(record: VolumeRecord): Promise<number> {
    return this.#backend.isPlain(record) ? diskUsage(this.#records.data(record)) : 0
  }

  get #ownFolders(): string[] {
    const { dataDir, runDir } = this.#options.config
    return [dataDir, runDir]
  }

  async fill(request: Parameters<VolumeStore['fill']>[0]): Promise<void> {
    const { unpacker } = this.#options
    const volume = this.find(request.projectId, request.name)
    if (volume.filled || !this.#backend.isPlain(volume)) return
    await this.locked(request, () =>
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
    for (const record of records) sizeBytes += await this.#size(record)
    return { volumes: records.length, sizeBytes }
  }

  async removeProject(projectId: string): Promise<void> {
    for (const record of this.#records.list(projectId)) await this.locked(record, () => this.#destroy(record))
  }

  async #resolveMount(mount: MountSpec, request: Parameters<VolumeStore['resolve']>[0]): Promise<ResolvedMount> {
    const common = { target: mount.target, propagation: 'rprivate', recursive: true, copyUp: false, idmapped: true }
    if (mount.type === 'tmpfs') {
      return { ...common, type: 'tmpfs', source: '', readOnly: mount.readOnly, idmapped: false, tmpfs: tmpfsOptions(mount) }
    }
    if (mount.type === 'bind') {
      const source = await bindSource(mount.source, { create: mount.createSource, ownFolders: this.#ownFolders })
      const { type, readOnly, propagation, recursive, readOnlyRecursive } = mount
      return { ...common, type, source, readOnly, propagation, recursive, readOnlyRecursive }
    }
    if (mount.type === 'image') {
      const { id: imageId, layers } = await request.resolveImage(mount.source)
      if (layers.length === 0) throw new GantryError('invalid_input', `image ${mount.source} has no files to mount`, { field: 'mounts' })
      const { type, source, subpath } = mount
      return { ...common, type, source, subpath, readOnly: true, imageId, layers: [...layers] }
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
    return this.locked({ projectId, name }, async () => {
      const labels = { ...(anonymous ? { [anonymousLabel]: '', 'gantry.container': containerId } : {}), ...mount.labels }
      const { driver = 'local', driverOptions: options = {} } = mount
      // The spec has been judged, and the device in it is the path that was judged.
      const record = await this.#ensure({ projectId, name, labels, anonymous, driver, options, judgedDevice: undefined, user: containerId })
      if (record.users.includes(containerId)) return record
      const pinned = { ...record, users: [...record.users, containerId] }
      await this.#records.replace(pinned)
      return pinned
    })
  }

  async #ensure(wanted: Wanted): Promise<VolumeRecord> {
    const { user, ...identity } = wanted
    const known = this.#records.get(wanted.projectId, wanted.name)
    if (known && wanted.driver !== 'local' && known.driver !== wanted.driver) {
      throw new GantryError('already_exists', `a volume named ${known.name} already exists with the ${known.driver} driver`, {
        field: 'name',
        value: known.name,
        remedy: 'choose a different volume name',
      })
    }
    if (known) return known
    await this.#backend.create(wanted)
    const record = { ...identity, createdAt: new Date().toISOString(), filled: false, users: user ? [user] : [], holders: [] }
    await this.#records.create(record)
    this.#emit('create', record)
    return record
  }

  async #destroy(record: VolumeRecord): Promise<void> {
    await this.#backend.remove(record)
    await this.#records.remove(record)
    this.#emit('destroy', record)
  }

  #emit(action: string, record: VolumeRecord): void {
    this.#options.events.emit({
      type: 'volume',
      action,
      id: record.name,
      projectId: record.projectId,
      attributes: { driver: record.driver },
    })
  }

  /** One at a time for each volume. */
  locked<T>(volume: { projectId: string; name: string }, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(`${volume.projectId}/${volume.name}`, work)
  }
}

type Wanted = Pick<VolumeRecord, 'projectId' | 'name' | 'labels' | 'anonymous' | 'driver' | 'options' | 'judgedDevice'> & { user?: string }
interface CreateInput {
  readonly projectId: string
  readonly spec: VolumeSpec
  readonly policy?: Policy | undefined
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
