import { randomBytes } from 'node:crypto'
import type { Op } from '@gantry/contracts'
import { bringUp } from './bridges.ts'
import { elementOps } from './elements.ts'
import { endpointGuards, endpointOps, giveBack, reserveEndpoint } from './endpoints.ts'
import { sandboxOps } from './links.ts'
import type { Network } from './network-record.ts'
import type { EndpointRecord } from './sandbox-record.ts'
import type { NetworkState } from './state.ts'

const smallest = 2
const largest = 16
/** A shelf that is not empty is filled when nobody took from it for so long: starts come first. */
const restMs = 10
/** How often unused sandboxes are looked at, and how many quiet looks let a shelf run empty. */
const lookEveryMs = 15_000
const quietLooks = 8

export interface WarmSandbox {
  readonly key: string
  readonly endpoint: EndpointRecord
}

/** Ready sandboxes of one network and id range. */
interface Shelf {
  readonly network: Network
  readonly idBase: number
  readonly ready: WarmSandbox[]
  /** How many shall be ready; 0 after a long rest. */
  target: number
  /** Settles when the filling that is under way has ended. */
  making: Promise<void> | undefined
  takenSinceLook: number
  quiet: number
  timer: NodeJS.Timeout | undefined
}

/**
 * Sandboxes that are complete (namespaces, veth, addresses, firewall guards) before a container wants one. A shelf appears with the
 * first container of a project, doubles when a container finds it empty, and shrinks when few are taken.
 */
export class WarmPool {
  readonly #state: NetworkState
  readonly #shelves = new Map<string, Shelf>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(state: NetworkState) {
    this.#state = state
  }

  /** A ready sandbox, or null: then the caller makes its own. Either way the shelf is filled again behind its back. */
  take(network: Network, idBase: number): WarmSandbox | null {
    const key = `${network.id} ${idBase}`
    const shelf = this.#shelves.get(key) ?? {
      network,
      idBase,
      ready: [],
      target: 0,
      making: undefined,
      takenSinceLook: 0,
      quiet: 0,
      timer: undefined,
    }
    this.#shelves.set(key, shelf)
    const sandbox = shelf.ready.shift() ?? null
    shelf.takenSinceLook++
    shelf.quiet = 0
    if (shelf.target === 0) shelf.target = smallest
    else if (!sandbox) shelf.target = Math.min(largest, shelf.target * 2)
    else if (shelf.ready.length === 0) shelf.target = Math.min(largest, shelf.target + 1)
    this.#refillLater(shelf)
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref()
    return sandbox
  }

  /** A start is through: the launcher has time for empty shelves. */
  started(): void {
    for (const shelf of this.#shelves.values()) if (shelf.timer && shelf.ready.length === 0) this.#refill(shelf)
  }

  #refillLater(shelf: Shelf): void {
    clearTimeout(shelf.timer)
    shelf.timer = setTimeout(() => this.#refill(shelf), restMs)
  }

  #refill(shelf: Shelf): void {
    clearTimeout(shelf.timer)
    shelf.timer = undefined
    if (this.#closed || shelf.making || shelf.ready.length >= shelf.target) return
    shelf.making = this.#state.later('filling the pool of warm sandboxes', async () => {
      try {
        while (!this.#closed && shelf.ready.length < shelf.target) await this.#makeOne(shelf)
      } finally {
        shelf.making = undefined
      }
    })
  }

  async #makeOne(shelf: Shelf): Promise<void> {
    const { network, idBase } = shelf
    await bringUp(this.#state, network)
    const key = `warm-${randomBytes(8).toString('hex')}`
    const endpoint = reserveEndpoint(this.#state, network, { network: network.name, aliases: [] }, `${network.options.interfacePrefix}0`)
    try {
      await this.#state.ops(newSandboxOps(this.#state, network, { key, idBase, endpoint }))
    } catch (error) {
      await this.#dispose([{ key, endpoint }])
      throw error
    }
    const sandbox = { key, endpoint }
    if (this.#closed || this.#shelves.get(`${network.id} ${idBase}`) !== shelf) await this.#dispose([sandbox])
    else shelf.ready.push(sandbox)
  }

  #look(): void {
    for (const shelf of this.#shelves.values()) {
      const { takenSinceLook } = shelf
      shelf.takenSinceLook = 0
      shelf.quiet = takenSinceLook === 0 ? shelf.quiet + 1 : 0
      if (shelf.quiet >= quietLooks) shelf.target = 0
      else if (takenSinceLook < shelf.target) shelf.target = Math.max(smallest, Math.ceil(shelf.target / 2))
      const surplus = shelf.ready.splice(0, Math.max(0, shelf.ready.length - shelf.target))
      if (surplus.length > 0) void this.#state.later('removing warm sandboxes', () => this.#dispose(surplus))
    }
  }

  async #dispose(sandboxes: readonly WarmSandbox[]): Promise<void> {
    await this.#state.ops(
      dropSandboxOps(
        this.#state,
        sandboxes.map(({ key, endpoint }) => ({ key, endpoints: [endpoint] })),
      ),
    )
    for (const { endpoint } of sandboxes) giveBack(this.#state, endpoint)
  }

  /** Fills shelves whose turn would come later, so that nothing is left to do. */
  hurry(): void {
    for (const shelf of this.#shelves.values()) if (shelf.timer) this.#refill(shelf)
  }

  /** Removes the sandboxes of one network before it is taken down, or all of them. */
  async drain(networkId?: string): Promise<void> {
    for (const [key, shelf] of this.#shelves) {
      if (networkId !== undefined && shelf.network.id !== networkId) continue
      clearTimeout(shelf.timer)
      this.#shelves.delete(key)
      shelf.target = 0
      await shelf.making
      await this.#dispose(shelf.ready.splice(0))
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.drain()
  }
}

/** A whole new sandbox with one endpoint, in one request. */
export function newSandboxOps(
  state: NetworkState,
  network: Network,
  made: { key: string; idBase: number; endpoint: EndpointRecord },
): Op[] {
  const where = `sandbox:${made.key}` as const
  return [
    ['sandbox.new', made.key, String(made.idBase)],
    ...sandboxOps(where),
    ...endpointOps(network, where, made.endpoint, !network.record.spec.internal),
    ...(network.record.builtin ? [] : state.resolver.openOps(made.key, () => where)),
    ...elementOps(state.names.table, '+', endpointGuards(made.endpoint)),
  ]
}

/** Removes sandboxes that no process is in, or what is left on the host of those that one was in. */
export function dropSandboxOps(state: NetworkState, sandboxes: readonly { key: string; endpoints: readonly EndpointRecord[] }[]): Op[] {
  const endpoints = sandboxes.flatMap((sandbox) => sandbox.endpoints)
  // Sockets keep a namespace.
  for (const { key } of sandboxes) state.resolver.shut(key)
  return [
    ...sandboxes.map(({ key }): Op => ['sandbox.drop', key]),
    ...elementOps(state.names.table, '-', endpoints.flatMap(endpointGuards)),
    ...endpoints.flatMap(({ link }): Op[] => (link ? [['net.delete?', 'host', link]] : [])),
  ]
}
