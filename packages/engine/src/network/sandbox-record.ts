import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import type { Endpoint, PortProtocol } from '@gantry/contracts'
import { readStateFile, replaceFileSync, setAside } from '../lib/atomic-file.ts'
import type { EngineConfig } from '../ports.ts'

/** One container's place on one network. */
export interface EndpointRecord {
  readonly endpoint: Endpoint
  /** The veth end on the host; '' on networks that pass the host by. */
  readonly link: string
  /** The end inside: `eth0`, `eth1`, … */
  readonly interfaceName: string
}

/** A published port as the firewall and the listeners have it. */
export interface PortRecord {
  readonly protocol: PortProtocol
  readonly containerPort: number
  /** 0: none, the container is entered at its own address. */
  readonly hostPort: number
  /** '' is every address. */
  readonly hostAddress: string
}

/** What must be known of a container's sandbox to keep it through a restart of the agent. */
export interface SandboxRecord {
  readonly containerId: string
  readonly projectId: string
  name: string
  readonly hostname: string
  readonly mode: string
  /** Key of its sockets at 127.0.0.11; '' or absent without a network of its own. */
  resolver?: string
  /** Own DNS servers (`--dns`), '' list: the host's. */
  readonly dns: readonly string[]
  published: readonly PortRecord[]
  endpoints: readonly EndpointRecord[]
  pid: number
}

/**
 * Sandbox records on disk, one file a container. They are only of use while the containers run, that is until the next boot, hence
 * written whole (rename) but not flushed: what a killed agent wrote is in the page cache.
 */
export class SandboxStore {
  readonly #folder: string
  readonly #log: EngineConfig['log']

  constructor(config: EngineConfig) {
    this.#folder = `${config.dataDir}/network/sandboxes`
    this.#log = config.log
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
  }

  save(record: SandboxRecord): void {
    replaceFileSync(this.#path(record.containerId), record)
  }

  remove(containerId: string): void {
    rmSync(this.#path(containerId), { force: true })
  }

  /** Every readable record; damaged files are set aside. */
  load(): SandboxRecord[] {
    const records: SandboxRecord[] = []
    for (const name of readdirSync(this.#folder)) {
      if (!name.endsWith('.json')) continue
      const path = `${this.#folder}/${name}`
      const result = readStateFile(path)
      if (result.kind === 'value') records.push(result.value as SandboxRecord)
      if (result.kind === 'damaged')
        this.#log('error', 'network record of a container is damaged', { path: setAside(path), reason: result.reason })
    }
    return records
  }

  #path(containerId: string): string {
    return `${this.#folder}/${containerId}.json`
  }
}
