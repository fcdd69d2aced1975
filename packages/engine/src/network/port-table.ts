import { networkInterfaces } from 'node:os'
import { GantryError, type PublishedPort } from '@gantry/contracts'
import { type Address, parseAddress } from './address.ts'
import { directElement, type Element, publishElement } from './elements.ts'
import type { PortKeeper, PortListener } from './port-keeper.ts'
import type { WantedPort } from './ports-plan.ts'
import type { PortRecord } from './sandbox-record.ts'

export interface PortHolder {
  readonly containerId: string
  readonly containerName: string
  readonly projectId: string
}

interface Held {
  readonly record: PortRecord
  readonly holder: PortHolder
  listener: PortListener | null
}

/** Addresses of the container that published ports lead to; null where it has none of that family. */
export interface PublishTargets {
  readonly ipv4: string | null
  readonly ipv6: string | null
  /** Addresses that are entered directly, at the published ports of the container. */
  readonly direct: readonly string[]
}

/** Every published port of the instance, with the listener that keeps it. */
export class PortTable {
  readonly #held = new Map<string, Held[]>()
  readonly #keeper: PortKeeper

  constructor(keeper: PortKeeper) {
    this.#keeper = keeper
  }

  /** Takes all ports or none. Throws `already_exists` naming who has the port, `invalid_input` for a foreign host address. */
  async publish(holder: PortHolder, wanted: readonly WantedPort[], targets: PublishTargets): Promise<PortRecord[]> {
    const mine: Held[] = []
    this.#held.set(holder.containerId, mine)
    try {
      for (const port of wanted) mine.push(await this.#take(holder, port, targets))
      return mine.map(({ record }) => record)
    } catch (error) {
      await this.unpublish(holder.containerId)
      throw error
    }
  }

  /** After a restart of the agent: takes the ports again. A port that somebody took meanwhile keeps its firewall entry; returns those. */
  async restore(holder: PortHolder, records: readonly PortRecord[], targets: PublishTargets): Promise<PortRecord[]> {
    const mine: Held[] = []
    this.#held.set(holder.containerId, mine)
    const lost: PortRecord[] = []
    for (const record of records) {
      const isDirect = record.hostPort === 0
      const listener = isDirect ? null : await this.#open(record, targets).catch(() => null)
      if (!listener && !isDirect) lost.push(record)
      mine.push({ record, holder, listener })
    }
    return lost
  }

  async unpublish(containerId: string): Promise<void> {
    const held = this.#held.get(containerId) ?? []
    this.#held.delete(containerId)
    await Promise.all(held.map(({ listener }) => listener?.close()))
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((containerId) => this.unpublish(containerId)))
  }

  /** Before `restore`: finds the listeners that an earlier agent left. */
  adopt(): Promise<void> {
    return this.#keeper.adopt()
  }

  /** After `restore`: ends those that no container wants. */
  dropStrays(): Promise<void> {
    return this.#keeper.dropStrays()
  }

  /** Leaves the listeners to themselves: the agent goes, the containers stay. */
  abandon(): Promise<void> {
    this.#held.clear()
    return this.#keeper.abandon()
  }

  #open(port: PortRecord, targets: PublishTargets): Promise<PortListener> {
    const { protocol, hostAddress, hostPort, containerPort } = port
    const address = hostAddress || (hostHasIpv6() ? '::' : '0.0.0.0')
    const prefersIpv6 = hostAddress.includes(':') && targets.ipv6
    const target = (prefersIpv6 ? targets.ipv6 : (targets.ipv4 ?? targets.ipv6)) ?? ''
    return this.#keeper.listen({ protocol, address, port: hostPort }, { address: target, port: containerPort })
  }

  /** Of a range the first that is free. */
  async #take(holder: PortHolder, port: WantedPort, targets: PublishTargets): Promise<Held> {
    const { protocol, containerPort } = port
    if (!targets.ipv4 && !targets.ipv6) return { record: { protocol, containerPort, hostAddress: '', hostPort: 0 }, holder, listener: null }
    const last = port.hostPortEnd ?? port.hostPort
    for (let hostPort = port.hostPort; hostPort < last; hostPort++) {
      try {
        return await this.#takeOne(holder, { ...port, hostPort }, targets)
      } catch (error) {
        if (!(error instanceof GantryError) || error.code !== 'already_exists') throw error
      }
    }
    return this.#takeOne(holder, { ...port, hostPort: last }, targets)
  }

  async #takeOne(holder: PortHolder, port: WantedPort, targets: PublishTargets): Promise<Held> {
    const taken = port.hostPort === 0 ? undefined : this.#conflict(port)
    if (taken) throw portTaken(port, taken.holder, holder.projectId)
    try {
      const listener = await this.#open(port, targets)
      const record = {
        protocol: port.protocol,
        containerPort: port.containerPort,
        hostAddress: port.hostAddress,
        hostPort: listener.hostPort,
      }
      return { record, holder, listener }
    } catch (error) {
      throw this.#refusal(port, error as NodeJS.ErrnoException, holder)
    }
  }

  #conflict({ protocol, hostPort, hostAddress }: WantedPort): Held | undefined {
    const clashes = ({ record }: Held) =>
      record.protocol === protocol &&
      record.hostPort === hostPort &&
      (record.hostAddress === '' || hostAddress === '' || record.hostAddress === hostAddress)
    for (const held of this.#held.values()) {
      const found = held.find(clashes)
      if (found) return found
    }
    return undefined
  }

  #refusal(port: WantedPort, error: NodeJS.ErrnoException, holder: PortHolder): GantryError {
    // Somebody of ours may have taken it while we were waiting for the system.
    const winner = this.#conflict(port)
    if (error.code === 'EADDRINUSE') return portTaken(port, winner?.holder ?? null, holder.projectId)
    if (error.code === 'EADDRNOTAVAIL') {
      return new GantryError('invalid_input', `host address ${port.hostAddress} is not an address of this host`, {
        field: 'ports.hostAddress',
        value: port.hostAddress,
        remedy: 'leave the address out to publish on all of them',
      })
    }
    if (error.code === 'EPROTONOSUPPORT' || error.code === 'ESOCKTNOSUPPORT') {
      return new GantryError('unsupported', `port ${describe(port)} cannot be published: this kernel has no ${port.protocol}`, {
        field: 'ports.protocol',
        value: port.protocol,
      })
    }
    return new GantryError(
      'internal',
      `port ${describe(port)} cannot be published: ${error.code ?? error.message}`,
      { errno: error.code },
      { cause: error },
    )
  }
}

function describe({ hostAddress, hostPort, protocol }: WantedPort): string {
  const address = hostAddress.includes(':') ? `[${hostAddress}]:` : hostAddress ? `${hostAddress}:` : ''
  return `${address}${hostPort}/${protocol}`
}

function portTaken(port: WantedPort, by: PortHolder | null, projectId: string): GantryError {
  const who = !by
    ? 'another program on this host'
    : by.projectId === projectId
      ? `container ${by.containerName}`
      : 'a container of another project'
  return new GantryError('already_exists', `port ${describe(port)} is already in use by ${who}`, {
    field: 'ports.hostPort',
    value: String(port.hostPort),
    remedy: 'choose another host port, or none to have a free one picked',
  })
}

let ipv6OfHost: boolean | undefined

/** Whether sockets for all addresses can be opened for IPv4 and IPv6 at once. Looked up once: the list of interfaces is long with many containers. */
export function hostHasIpv6(): boolean {
  ipv6OfHost ??= Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'))
  return ipv6OfHost
}

/** What inspect shows: an entry for each family of an all-address port. */
export function publishedPorts(records: readonly PortRecord[], ipv6?: boolean): PublishedPort[] {
  return records.flatMap(({ containerPort, protocol, hostAddress, hostPort }) => {
    if (hostPort === 0) return []
    const addresses = hostAddress ? [hostAddress] : (ipv6 ?? hostHasIpv6()) ? ['0.0.0.0', '::'] : ['0.0.0.0']
    return addresses.map((address) => ({ containerPort, protocol, hostAddress: address, hostPort }))
  })
}

/** The firewall's part of the ports. The host's loopback is the listener's alone. */
export function portElements(records: readonly PortRecord[], targets: PublishTargets): Element[] {
  return [...translatedElements(records, targets), ...directElements(records, targets)]
}

/** Each port once, however often it is published. */
function directElements(records: readonly PortRecord[], { direct }: PublishTargets): Element[] {
  const ports = new Map(records.map((record) => [`${record.containerPort}/${record.protocol}`, record]))
  return [...ports.values()].flatMap(({ protocol, containerPort }) =>
    direct.map((target) => directElement({ protocol, port: containerPort, target: parseAddress(target) })),
  )
}

function translatedElements(records: readonly PortRecord[], targets: PublishTargets): Element[] {
  return records.flatMap(({ protocol, containerPort, hostAddress, hostPort }) => {
    if (hostPort === 0) return []
    const host: Address | null = hostAddress ? parseAddress(hostAddress) : null
    if (host && isLoopback(host)) return []
    return [targets.ipv4, targets.ipv6].flatMap((text): Element[] => {
      if (!text) return []
      const target = parseAddress(text)
      if (host && host.family !== target.family) return []
      return [publishElement({ host, protocol, hostPort, target, targetPort: containerPort })]
    })
  })
}

function isLoopback({ family, value }: Address): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n
}
