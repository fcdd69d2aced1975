import { DEFAULT_PROJECT, GantryError } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { ResolvedMount } from '../ports.ts'
import { type LocalVolume, parseLocalOptions } from './local-options.ts'
import { type PluginFolders, VolumePlugin } from './volume-plugin.ts'
import type { VolumeRecord, VolumeRecords } from './volume-record.ts'

/**
 * Where the content of a volume is: a folder of ours, a folder or a file system that the local driver's options name, or what a plugin
 * mounts. Plain folders need nothing of what is here.
 */
export class VolumeBackend {
  readonly #records: VolumeRecords
  readonly #kernel: Pick<Kernel, 'ops'>
  readonly #folders: PluginFolders | undefined
  readonly #plugins = new Map<string, VolumePlugin>()

  constructor(options: { records: VolumeRecords; kernel: Pick<Kernel, 'ops'>; pluginFolders?: PluginFolders | undefined }) {
    this.#records = options.records
    this.#kernel = options.kernel
    this.#folders = options.pluginFolders
  }

  /** Before the record is made: what nobody can mount is refused while whoever asked is there to read it. */
  async create(volume: Pick<VolumeRecord, 'projectId' | 'name' | 'driver' | 'options'>): Promise<void> {
    if (volume.driver === 'local') parseLocalOptions(volume.options)
    else await this.#plugin(volume.driver).create(pluginName(volume), volume.options)
  }

  async remove(volume: VolumeRecord): Promise<void> {
    if (volume.driver !== 'local') await this.#plugin(volume.driver).remove(pluginName(volume))
    else if (this.local(volume).kind === 'tmpfs') await this.#kernel.ops([['umount?', this.#records.data(volume)]])
  }

  local(volume: Pick<VolumeRecord, 'options'>): LocalVolume {
    return parseLocalOptions(volume.options)
  }

  /** Ours to walk, fill, measure and copy. */
  isPlain(volume: Pick<VolumeRecord, 'driver' | 'options'>): boolean {
    return volume.driver === 'local' && this.local(volume).kind === 'folder'
  }

  /** Something that has to be told when the container's run is over. */
  isHeld(volume: Pick<VolumeRecord, 'driver' | 'options'>): boolean {
    return volume.driver !== 'local' || this.local(volume).kind === 'tmpfs'
  }

  /** The mount as a start needs it. The caller has noted that the container holds the volume. */
  async attach(volume: VolumeRecord, mount: ResolvedMount, containerId: string): Promise<ResolvedMount> {
    if (volume.driver !== 'local') {
      const source = await this.#plugin(volume.driver).mount(pluginName(volume), containerId)
      return { ...mount, source, idmapped: true, idmapOptional: true }
    }
    const local = this.local(volume)
    switch (local.kind) {
      case 'folder':
        return mount
      case 'bind': {
        const { recursive } = local
        // Judged when the volume was made; a link that came in since is refused.
        const source = volume.judgedDevice ?? local.device
        return { ...mount, type: 'bind', source, recursive, readOnly: mount.readOnly || local.readOnly, idmapped: false }
      }
      case 'tmpfs':
        await this.#mountOnce(volume, local)
        return { ...mount, idmapOptional: true }
      case 'mount':
        if (mount.subpath !== undefined) {
          throw new GantryError('unsupported', `volume ${volume.name} of type ${local.type} cannot be mounted in part`, {
            field: 'mounts',
            value: mount.subpath,
          })
        }
        return { ...mount, fileSystem: local }
    }
  }

  /** The container's run is over; `last`: no other one holds the volume. */
  async detach(volume: VolumeRecord, containerId: string, last: boolean): Promise<void> {
    if (volume.driver !== 'local') await this.#plugin(volume.driver).unmount(pluginName(volume), containerId)
    else if (last) await this.#kernel.ops([['umount?', this.#records.data(volume)]])
  }

  /** What a plugin says of its volume; nothing when it does not answer, as inspect must. */
  async describe(volume: VolumeRecord): Promise<{ mountpoint?: string; status?: Record<string, unknown> }> {
    if (volume.driver === 'local') return {}
    try {
      const plugin = this.#plugin(volume.driver)
      const found = await plugin.get(pluginName(volume))
      return { ...found, mountpoint: found?.mountpoint || (await plugin.path(pluginName(volume))) }
    } catch {
      return { mountpoint: '' }
    }
  }

  /** On the host, as containers that use it at the same time see the same files. */
  async #mountOnce(volume: VolumeRecord, local: LocalVolume & { kind: 'tmpfs' }): Promise<void> {
    if (volume.holders.length > 1) return
    const data = this.#records.data(volume)
    await this.#kernel.ops([
      ['umount?', data],
      ['mount', 'tmpfs', 'tmpfs', data, local.flags.join(','), local.options],
    ])
  }

  #plugin(driver: string): VolumePlugin {
    const known = this.#plugins.get(driver) ?? new VolumePlugin(driver, this.#folders)
    this.#plugins.set(driver, known)
    return known
  }
}

/** Names are a project's own here and the machine's at the plugin. */
function pluginName({ projectId, name }: Pick<VolumeRecord, 'projectId' | 'name'>): string {
  return projectId === DEFAULT_PROJECT ? name : `${projectId}_${name}`
}
