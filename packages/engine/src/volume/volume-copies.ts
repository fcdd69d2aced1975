import { type ByteChannel, GantryError, type VolumeInspect } from '@gantry/contracts'
import { defaultLimits } from '../image/context.ts'
import { channelInput } from '../lib/channel-input.ts'
import type { Archiver, View } from '../kernel/archiver.ts'
import type { VolumeBackend } from './volume-backend.ts'
import { isEmpty, type VolumeRecord, type VolumeRecords } from './volume-record.ts'

interface Name {
  readonly projectId: string
  readonly volume: string
}

/** Content of volumes as tars: backup, restore, and a copy under another name. */
export class VolumeCopies {
  readonly #archiver: Pick<Archiver, 'get' | 'put' | 'copy'>
  readonly #records: VolumeRecords
  readonly #backend: VolumeBackend
  readonly #volumes: Volumes

  constructor(options: {
    archiver: Pick<Archiver, 'get' | 'put' | 'copy'>
    records: VolumeRecords
    backend: VolumeBackend
    volumes: Volumes
  }) {
    this.#archiver = options.archiver
    this.#records = options.records
    this.#backend = options.backend
    this.#volumes = options.volumes
  }

  /** What containers write meanwhile may be in it or not, as with any backup of what is in use. */
  async exportTar({ projectId, volume }: Name, channel: ByteChannel, signal: AbortSignal): Promise<{ bytes: number }> {
    const record = this.#plain(projectId, volume)
    const { bytes } = await this.#archiver.get(this.#view(record, false), everything, { onBytes: (piece) => channel.write(piece), signal })
    channel.end()
    return { bytes }
  }

  /** Into an empty volume only: a restore never mixes with what is there. One that fails leaves the volume empty again. */
  async importTar({ projectId, volume }: Name, channel: ByteChannel, signal: AbortSignal): Promise<Record<string, never>> {
    await this.#fill(this.#plain(projectId, volume), async (view) =>
      this.#archiver.put(view, await channelInput(channel), { ...into, limits: defaultLimits, signal }),
    )
    return {}
  }

  async clone({ projectId, volume, name }: Name & { name: string }): Promise<VolumeInspect> {
    const source = this.#plain(projectId, volume)
    if (this.#records.get(projectId, name)) {
      throw new GantryError('already_exists', `volume ${name} exists already`, { field: 'name', value: name })
    }
    const { labels } = source
    await this.#volumes.create({ projectId, spec: { name, driver: 'local', options: {}, labels } })
    try {
      await this.#fill(this.#plain(projectId, name), (view) =>
        this.#archiver.copy(this.#view(source, false), everything, view, { ...into, limits: defaultLimits }),
      )
    } catch (error) {
      await this.#volumes.remove({ projectId, volume: name, force: true })
      throw error
    }
    return this.#volumes.inspect(this.#plain(projectId, name))
  }

  async #fill(record: VolumeRecord, write: (view: View) => Promise<unknown>): Promise<void> {
    await this.#volumes.locked(record, async () => {
      const current = this.#plain(record.projectId, record.name)
      if (!isEmpty(this.#records.data(current))) {
        throw new GantryError('wrong_state', `volume ${current.name} is not empty`, {
          value: current.name,
          remedy: 'import into a new volume',
        })
      }
      try {
        await write(this.#view(current, true))
      } catch (error) {
        await this.#records.empty(current)
        throw error
      }
      // An image's content must not come over it.
      await this.#records.replace({ ...current, filled: true })
    })
  }

  #view(record: VolumeRecord, writable: boolean): View {
    return { kind: 'folder', path: this.#records.data(record), writable }
  }

  #plain(projectId: string, name: string): VolumeRecord {
    const record = this.#volumes.find(projectId, name)
    if (this.#backend.isPlain(record)) return record
    throw new GantryError('unsupported', `volume ${name} lies outside the engine's folder: its content is not ours to copy`, {
      value: name,
      remedy: 'back it up where it is',
    })
  }
}

/** With the folder itself: its owner is what a program that runs as somebody else needs. */
const everything = [{ path: '/', name: '.' }]
const into = { path: '/', flags: ['self'] as const }

interface Volumes {
  find(projectId: string, name: string): VolumeRecord
  inspect(record: VolumeRecord): VolumeInspect
  create(input: {
    projectId: string
    spec: { name: string; driver: string; options: Record<string, string>; labels: Record<string, string> }
  }): Promise<VolumeInspect>
  remove(input: { projectId: string; volume: string; force: boolean }): Promise<unknown>
  locked<T>(volume: { projectId: string; name: string }, work: () => Promise<T>): Promise<T>
}
