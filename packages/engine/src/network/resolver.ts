import type { Op } from '@gantry/contracts'
import type { EngineConfig } from '../ports.ts'
import type { Subnet } from './address.ts'
import { KeeperWire } from './keeper-wire.ts'
import type { Where } from './links.ts'
import { type Client, clientWords, hostWords, leaveWords, type Place, placeWords, subnetWords, type Words } from './name-table.ts'

/** A process that lived shorter is not started again at once. */
const shortLifeMs = 1000
/** How often the host's list of servers is looked at. */
const lookEveryMs = 5000

export interface ResolverOptions {
  readonly runDir: string
  readonly program: string
  readonly log: EngineConfig['log']
  readonly ops: (ops: readonly Op[]) => Promise<unknown>
  /** The host's servers now. */
  readonly hostServers: () => readonly string[]
}

/** Sockets at which containers ask: `where` in a container, or at an address of the host. */
interface Door {
  readonly where: () => Where
  readonly address: string
}

/**
 * Names of containers. A process of its own answers, gantry-dns, which outlives the agent as the containers do; this class decides
 * what it knows. It holds the whole table and sends changes as they come; an agent that comes back, or a process that was started
 * again, gets everything anew, and sockets that are missing are opened.
 *
 * Who asks is told by the sockets, which are in the container's own namespace at 127.0.0.11; on the default network, where
 * containers ask at the gateway, by the source address, which the firewall binds to the container's port.
 */
export class Resolver {
  readonly #options: ResolverOptions
  readonly #places = new Map<string, Map<string, Place>>()
  readonly #clients = new Map<string, Client>()
  readonly #doors = new Map<string, Door>()
  #subnets: Words = subnetWords([])
  #host: Words = hostWords([])
  #wire: KeeperWire | undefined
  #starting: Promise<void> | undefined
  /** Between `reset` and `adopt` the table is filled, and nothing is sent. */
  #filling = false
  #since = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: ResolverOptions) {
    this.#options = options
  }

  get #socket(): string {
    return `${this.#options.runDir}/dns.sock`
  }
  get #giver(): string {
    return `${this.#options.runDir}/dns-give.sock`
  }

  /** Leaves the process as it is and forgets the table, for a recovery to fill it again. */
  async reset(): Promise<void> {
    await this.abandon()
    for (const map of [this.#places, this.#clients, this.#doors]) map.clear()
    this.#filling = true
  }

  /** After a recovery: the process that an earlier agent left goes on with what is known now. */
  async adopt(): Promise<void> {
    this.#filling = false
    if (this.#doors.size > 0) return this.ensure()
    const found = await this.#find()
    await found?.end()
  }

  /** Starts the process when there is none. */
  async ensure(): Promise<void> {
    if (this.#wire || this.#filling) return
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    await this.#starting
  }

  /** Operations that make the sockets of a sandbox; the process takes them when it runs. */
  openOps(key: string, where: () => Where): Op[] {
    this.#doors.set(key, { where, address: '-' })
    return [this.#openOp(key)]
  }

  /** A sandbox that is there already, found again after a restart of the agent. */
  found(key: string, where: () => Where): void {
    this.#doors.set(key, { where, address: '-' })
  }

  /** Answers at an address of the host. */
  async listen(address: string): Promise<void> {
    const key = `gateway-${address}`
    if (this.#doors.has(key)) return
    this.#doors.set(key, { where: () => 'host', address })
    if (this.#filling) return
    this.#say(['gateway', key])
    await this.#open([key])
  }

  close(address: string): void {
    this.shut(`gateway-${address}`)
  }

  shut(key: string): void {
    if (this.#doors.delete(key)) this.#say(['shut', key])
  }

  put(place: Place): void {
    const own = this.#places.get(place.containerId) ?? new Map<string, Place>()
    this.#places.set(place.containerId, own.set(place.networkId, place))
    this.#say(placeWords(place))
  }

  leave(containerId: string, networkId: string): void {
    if (this.#places.get(containerId)?.delete(networkId)) this.#say(leaveWords(containerId, networkId))
  }

  client(client: Client): void {
    this.#clients.set(client.containerId, client)
    this.#refreshHost()
    this.#say(clientWords(client))
  }

  /** Whether the container is known. */
  knows(containerId: string): boolean {
    return this.#clients.has(containerId)
  }

  /** Forgets a container, and closes its sockets. */
  forget(containerId: string): void {
    const client = this.#clients.get(containerId)
    this.#places.delete(containerId)
    if (!client) return
    this.#clients.delete(containerId)
    this.#doors.delete(client.door)
    this.#say(['forget', containerId])
  }

  /** Addresses that no other server is asked about. */
  subnets(subnets: readonly Subnet[]): void {
    const words = subnetWords(subnets)
    if (words[1] === this.#subnets[1]) return
    this.#subnets = words
    this.#say(words)
  }

  /** Leaves; the process goes on. */
  async abandon(): Promise<void> {
    const starting = this.#starting
    await starting?.catch(() => {})
    clearInterval(this.#timer)
    const wire = this.#wire
    this.#wire = undefined
    wire?.leave()
  }

  /** Ends the process. */
  async end(): Promise<void> {
    await this.#starting?.catch(() => {})
    clearInterval(this.#timer)
    const wire = this.#wire
    this.#wire = undefined
    await wire?.end()
  }

  #openOp(key: string): Op {
    const { where, address } = this.#doors.get(key) ?? { where: () => 'host' as const, address: '-' }
    return ['dns.open?', where(), key, this.#giver, address]
  }

  #refreshHost(): void {
    const words = hostWords(this.#options.hostServers())
    if (words[1] === this.#host[1]) return
    this.#host = words
    this.#say(words)
  }

  /** What is refused is said in the log; a wire that broke is mended by whoever follows it. */
  #say(words: Words): void {
    const wire = this.#wire
    if (!wire) return
    wire.request(...words).catch((error: Error) => {
      if (this.#wire === wire) this.#options.log('error', 'the resolver refused a change', { request: words[0], error: String(error) })
    })
  }

  async #find(): Promise<KeeperWire | null> {
    const found = await KeeperWire.open(this.#socket, 'gantry-dns')
    if (!found || found.current) return found?.wire ?? null
    await found.wire.end()
    return null
  }

  async #start(): Promise<void> {
    let wire = await this.#find()
    const isOld = wire !== null
    if (!wire) {
      await this.#options.ops([['keeper.start', this.#options.program, this.#socket, this.#giver]])
      wire = await this.#find()
    }
    if (!wire) throw new Error('gantry-dns ended right after its start')
    this.#wire = wire
    this.#since = performance.now()
    this.#follow(wire)
    this.#timer = setInterval(() => this.#refreshHost(), lookEveryMs).unref()
    await this.#sendAll(wire, isOld)
  }

  /** What an old process knows and is not named now goes. */
  async #sendAll(wire: KeeperWire, isOld: boolean): Promise<void> {
    this.#host = hostWords(this.#options.hostServers())
    if (isOld) this.#say(['begin'])
    this.#say(this.#host)
    this.#say(this.#subnets)
    for (const own of this.#places.values()) for (const place of own.values()) this.#say(placeWords(place))
    for (const client of this.#clients.values()) this.#say(clientWords(client))
    for (const [key, { address }] of this.#doors) if (address !== '-') this.#say(['gateway', key])
    const { items } = await wire.request('list')
    const open = new Set(items.map(([key]) => key))
    if (isOld) this.#say(['commit'])
    await this.#open([...this.#doors.keys()].filter((key) => !open.has(key)))
  }

  /** A container may end, and an address be taken, at any time: one that cannot be opened must not keep the others closed. */
  async #open(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      if (!this.#doors.has(key)) continue
      await this.#options.ops([this.#openOp(key)]).catch((error: unknown) => {
        this.#options.log('error', 'resolver cannot listen; names of containers do not resolve there', { key, error: String(error) })
      })
    }
  }

  #follow(wire: KeeperWire): void {
    void wire.closed.then(async () => {
      if (this.#wire !== wire) return
      this.#wire = undefined
      clearInterval(this.#timer)
      if (this.#doors.size === 0) return
      this.#options.log('error', 'the resolver of containers ended, starting it again', {})
      if (performance.now() - this.#since < shortLifeMs) await new Promise((resolve) => setTimeout(resolve, shortLifeMs).unref())
      await this.ensure().catch((error: unknown) => {
        this.#options.log('error', 'the resolver of containers cannot be started again', { error: String(error) })
      })
    })
  }
}
