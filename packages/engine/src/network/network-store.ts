import { mkdirSync } from 'node:fs'
import { GantryError, networkSpecSchema } from '@gantry/contracts'
import { readStateFile, replaceFile, setAside } from '../lib/atomic-file.ts'
import type { EngineConfig } from '../ports.ts'
import { defaultNetworkName, Network, type NetworkRecord } from './network-record.ts'

/** All networks of the instance, in memory and in one flushed file. */
export class NetworkStore {
  readonly #path: string
  readonly #config: EngineConfig
  readonly #networks = new Map<string, Network>()
  #writing: Promise<void> = Promise.resolve()

  constructor(config: EngineConfig) {
    this.#config = config
    mkdirSync(`${config.dataDir}/network`, { recursive: true, mode: 0o700 })
    this.#path = `${config.dataDir}/network/networks.json`
  }

  /** A damaged file is set aside; the networks in it are lost to us and their bridges are swept. */
  load(): void {
    const result = readStateFile(this.#path)
    if (result.kind === 'damaged') {
      this.#config.log('error', 'list of networks is damaged', { path: setAside(this.#path), reason: result.reason })
      return
    }
    if (result.kind === 'missing') return
    // Parsed, so that a record of an earlier version has what was added since.
    for (const record of (result.value as { networks: NetworkRecord[] }).networks)
      this.#networks.set(record.id, new Network({ ...record, spec: networkSpecSchema.parse(record.spec) }))
  }

  all(): Network[] {
    return [...this.#networks.values()]
  }

  get(id: string): Network | undefined {
    return this.#networks.get(id)
  }

  ofProject(projectId: string): Network[] {
    return this.all().filter(({ record }) => record.projectId === projectId)
  }

  byName(projectId: string, name: string): Network | undefined {
    const wanted = name === 'default' ? defaultNetworkName : name
    return this.ofProject(projectId).find((network) => network.name === wanted)
  }

  /** By name, id or unambiguous prefix of an id. Throws `not_found`, `invalid_input` (ambiguous). */
  find(projectId: string, reference: string): Network {
    const named = this.byName(projectId, reference)
    if (named) return named
    const matching = /^[0-9a-f]{2,64}$/.test(reference) ? this.ofProject(projectId).filter(({ id }) => id.startsWith(reference)) : []
    if (matching.length > 1)
      throw new GantryError('invalid_input', `network id ${reference} is ambiguous: ${matching.length} networks start with it`)
    const [only] = matching
    if (!only) throw new GantryError('not_found', `no such network: ${reference}`)
    return only
  }

  async add(network: Network): Promise<void> {
    this.#networks.set(network.id, network)
    try {
      await this.save()
    } catch (error) {
      this.#networks.delete(network.id)
      throw error
    }
  }

  async remove(network: Network): Promise<void> {
    this.#networks.delete(network.id)
    await this.save()
  }

  /** One write at a time, each with everything known when it begins. */
  save(): Promise<void> {
    const write = () => replaceFile(this.#path, { version: 1, networks: this.all().map(({ record }) => record) })
    const mine = this.#writing.then(write, write)
    this.#writing = mine.catch(() => {})
    return mine
  }
}
