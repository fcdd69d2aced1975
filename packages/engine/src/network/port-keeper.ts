import { rmSync } from 'node:fs'
import type { PortProtocol } from '@gantry/contracts'
import type { EngineConfig } from '../ports.ts'
import { formatAddress, parseAddress } from './address.ts'
import { KeeperWire } from './keeper-wire.ts'

export interface PortTarget {
  readonly address: string
  readonly port: number
}

/** What is listened on: an address of the host and a port, 0 for a free one. */
export interface PortDoor {
  readonly protocol: PortProtocol
  readonly address: string
  readonly port: number
}

/** The listener behind a published port. It keeps the port from other programs of the host. */
export interface PortListener {
  readonly hostPort: number
  close(): Promise<void>
}

interface Kept {
  number: string
  readonly door: PortDoor
  target: PortTarget
}

export interface PortKeeperOptions {
  readonly socket: string
  /** Starts gantry-ports; it listens at `socket` when this resolves. */
  readonly start: () => Promise<void>
  readonly log: EngineConfig['log']
}

/**
 * The listeners behind published ports live in a process of their own, gantry-ports, which outlives the agent as the containers do.
 * It is started with the first port and ended with the last one. An agent that comes back finds it (`adopt`): what it asks for anew
 * is taken over as it is, connections included, and `dropStrays` ends what nobody asked for. When the process is killed, it is
 * started again with what it had.
 */
export class PortKeeper {
  readonly #options: PortKeeperOptions
  readonly #kept = new Set<Kept>()
  readonly #strays = new Map<string, Kept>()
  /** Requests under way: the process must not be ended before they are through. */
  #busy = 0
  #wire: Promise<KeeperWire> | undefined
  #ending: Promise<void> = Promise.resolve()

  constructor(options: PortKeeperOptions) {
    this.#options = options
  }

  /** Looks for a process that an earlier agent left. To be followed by `dropStrays`. */
  async adopt(): Promise<void> {
    const wire = await this.#find()
    if (!wire) return
    this.#follow(wire)
    this.#wire = Promise.resolve(wire)
    const { items } = await wire.request('list')
    for (const [number = '', protocol = '', address = '', port, targetAddress = '', targetPort] of items) {
      const door = { protocol: protocol as PortProtocol, address, port: Number(port) }
      this.#strays.set(keyOf(door), { number, door, target: { address: targetAddress, port: Number(targetPort) } })
    }
  }

  async dropStrays(): Promise<void> {
    const strays = [...this.#strays.values()]
    this.#strays.clear()
    await this.#work(async (wire) => {
      await Promise.all(strays.map(({ number }) => wire.request('close', number)))
    })
  }

  /** Rejects with the system's error (`EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`). */
  async listen(door: PortDoor, target: PortTarget): Promise<PortListener> {
    const kept = await this.#work((wire) => this.#take(wire, door, target), true)
    return { hostPort: kept.door.port, close: () => this.#close(kept) }
  }

  /** Ends the connection, not the listeners. */
  async abandon(): Promise<void> {
    const wire = this.#wire
    this.#wire = undefined
    this.#kept.clear()
    this.#strays.clear()
    await this.#ending
    ;(await wire?.catch(() => undefined))?.leave()
  }

  async #take(wire: KeeperWire, door: PortDoor, target: PortTarget): Promise<Kept> {
    const stray = this.#strays.get(keyOf(door))
    if (stray) {
      this.#strays.delete(keyOf(door))
      await wire.request('aim', stray.number, target.address, target.port)
      stray.target = target
      this.#kept.add(stray)
      return stray
    }
    const { words } = await wire.request('listen', door.protocol, door.address, door.port, target.address, target.port)
    const kept = { number: words[0] ?? '', door: { ...door, port: Number(words[1]) }, target }
    this.#kept.add(kept)
    return kept
  }

  async #close(kept: Kept): Promise<void> {
    if (!this.#kept.delete(kept)) return
    // A process that was lost meanwhile has nothing to close.
    await this.#work((wire) => wire.request('close', kept.number)).catch(() => {})
  }

  /** Without a process, work that does not `need` one is left out. Ends the process when there is nothing more to keep. */
  async #work<T>(use: (wire: KeeperWire) => Promise<T>, need: true): Promise<T>
  async #work(use: (wire: KeeperWire) => Promise<unknown>): Promise<void>
  async #work<T>(use: (wire: KeeperWire) => Promise<T>, need = false): Promise<T | undefined> {
    if (!this.#wire && !need) return undefined
    this.#busy++
    try {
      this.#wire ??= this.#ending.then(() => this.#start())
      return await use(await this.#wire)
    } finally {
      this.#busy--
      if (this.#busy === 0 && this.#kept.size === 0 && this.#strays.size === 0) await this.#end()
    }
  }

  async #end(): Promise<void> {
    const wire = this.#wire
    this.#wire = undefined
    if (!wire) return
    this.#ending = wire
      .then(
        (open) => open.end(),
        () => {},
      )
      .finally(() => rmSync(this.#options.socket, { force: true }))
    await this.#ending
  }

  async #find(): Promise<KeeperWire | null> {
    const found = await KeeperWire.open(this.#options.socket, 'gantry-ports')
    if (!found) return null
    if (found.current) return found.wire
    await found.wire.end()
    return null
  }

  async #start(): Promise<KeeperWire> {
    await this.#options.start()
    const wire = await this.#find()
    if (!wire) throw new Error('gantry-ports ended right after its start')
    this.#follow(wire)
    return wire
  }

  /** A process that is lost while it is needed gets a successor. */
  #follow(wire: KeeperWire): void {
    void wire.closed.then(async () => {
      const current = await this.#wire?.catch(() => undefined)
      if (current !== wire) return
      this.#strays.clear()
      this.#wire = undefined
      if (this.#kept.size === 0) return
      this.#options.log('error', 'the listeners of published ports ended, starting them again', { ports: this.#kept.size })
      await this.#restore()
    })
  }

  async #restore(): Promise<void> {
    try {
      await this.#work(async (wire) => {
        for (const kept of this.#kept) await this.#listenAgain(wire, kept)
      }, true)
    } catch (error) {
      this.#options.log('error', 'the listeners of published ports cannot be started again', { error: String(error) })
    }
  }

  async #listenAgain(wire: KeeperWire, kept: Kept): Promise<void> {
    const { door, target } = kept
    try {
      const { words } = await wire.request('listen', door.protocol, door.address, door.port, target.address, target.port)
      kept.number = words[0] ?? ''
    } catch (error) {
      this.#options.log('warn', 'another program has taken a published port', {
        port: `${door.port}/${door.protocol}`,
        error: String(error),
      })
    }
  }
}

function keyOf({ protocol, address, port }: PortDoor): string {
  return `${protocol} ${formatAddress(parseAddress(address))} ${port}`
}
