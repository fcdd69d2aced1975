import type { Op } from '@gantry/contracts'
import { KeyedLock } from '../lib/keyed-lock.ts'
import { parseResolvConf, type ResolvConf } from './container-files.ts'
import type { NetworkDependencies } from './network-engine.ts'
import { KernelNames } from './names.ts'
import { NetworkStore } from './network-store.ts'
import { SandboxRemovals } from './sandbox-removals.ts'
import { PortKeeper } from './port-keeper.ts'
import { PortTable } from './port-table.ts'
import { Resolver } from './resolver.ts'
import { type SandboxRecord, SandboxStore } from './sandbox-record.ts'
import { readFileSync, statSync } from 'node:fs'

/** A sandbox in use, and the key under which the launcher holds it until the container's process is in it. */
export interface ActiveSandbox {
  readonly record: SandboxRecord
  readonly key: string
}

/** What the parts of network/ share. */
export class NetworkState {
  readonly dependencies: NetworkDependencies
  readonly names: KernelNames
  readonly networks: NetworkStore
  readonly sandboxes: SandboxStore
  readonly active = new Map<string, ActiveSandbox>()
  readonly ports: PortTable
  readonly resolver: Resolver
  /** One change at a time: by network id, and `names` for what looks at all networks. */
  readonly locks = new KeyedLock()
  readonly removals: SandboxRemovals
  readonly #background = new Set<Promise<void>>()
  readonly #hostResolvConf: () => ResolvConf

  constructor(dependencies: NetworkDependencies) {
    this.dependencies = dependencies
    this.names = new KernelNames(dependencies.config.instanceId)
    this.networks = new NetworkStore(dependencies.config)
    this.sandboxes = new SandboxStore(dependencies.config)
    this.removals = new SandboxRemovals(this)
    this.ports = new PortTable(this.#portKeeper())
    this.#hostResolvConf = hostResolvConfReader('/etc/resolv.conf')
    const { runDir, nativeDir, log } = dependencies.config
    this.resolver = new Resolver({
      runDir,
      program: `${nativeDir}/gantry-dns`,
      log,
      ops: (ops) => this.ops(ops),
      hostServers: () => this.hostResolvConf().nameservers,
    })
  }

  #portKeeper(): PortKeeper {
    const { runDir, nativeDir, log } = this.dependencies.config
    const socket = `${runDir}/ports.sock`
    return new PortKeeper({
      socket,
      log,
      start: async () => void (await this.ops([['keeper.start', `${nativeDir}/gantry-ports`, socket]])),
    })
  }

  get log() {
    return this.dependencies.config.log
  }

  hostResolvConf(): ResolvConf {
    return this.#hostResolvConf()
  }

  async ops(ops: readonly Op[]): Promise<string[]> {
    return ops.length === 0 ? [] : this.dependencies.kernel.ops(ops)
  }

  /** Work that nobody waits for; failures are logged. `settled` waits for it. */
  later(what: string, work: () => Promise<void>): Promise<void> {
    const promise = work().catch((error: unknown) => this.log('error', `${what} failed`, { error: String(error) }))
    this.#background.add(promise)
    void promise.finally(() => this.#background.delete(promise))
    return promise
  }

  async settled(): Promise<void> {
    void this.removals.flush()
    while (this.#background.size > 0) await Promise.all(this.#background)
  }
}

/** Reads the file when it has changed. */
function hostResolvConfReader(path: string): () => ResolvConf {
  let known = { stamp: '', content: parseResolvConf('') }
  return () => {
    const stat = statSync(path, { throwIfNoEntry: false })
    const stamp = stat ? `${stat.mtimeMs} ${stat.size} ${stat.ino}` : 'missing'
    if (stamp !== known.stamp) known = { stamp, content: parseResolvConf(stat ? readFileSync(path, 'utf8') : '') }
    return known.content
  }
}
