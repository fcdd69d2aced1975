/** The names that containers see of each other: per network, case-insensitive. Pure bookkeeping; dns/ speaks the protocol. */
export interface ZoneEntry {
  readonly containerId: string
  readonly networkId: string
  readonly names: readonly string[]
  /** Canonical text; IPv4, IPv6 or both. */
  readonly addresses: readonly string[]
  /** Names that this container alone has for others: alias and the other's name or id. */
  readonly links?: readonly (readonly [alias: string, target: string])[] | undefined
}

export interface Asker {
  readonly containerId: string
  readonly networkIds: ReadonlySet<string>
}

export class Zone {
  /** network id → name → entries */
  readonly #names = new Map<string, Map<string, Set<ZoneEntry>>>()
  readonly #byAddress = new Map<string, ZoneEntry>()
  readonly #byContainer = new Map<string, ZoneEntry[]>()

  add(entry: ZoneEntry): void {
    const names = this.#names.get(entry.networkId) ?? new Map<string, Set<ZoneEntry>>()
    this.#names.set(entry.networkId, names)
    for (const name of new Set(entry.names.map((each) => each.toLowerCase()))) {
      const entries = names.get(name) ?? new Set()
      names.set(name, entries.add(entry))
    }
    for (const address of entry.addresses) this.#byAddress.set(address, entry)
    const own = this.#byContainer.get(entry.containerId)
    if (own) own.push(entry)
    else this.#byContainer.set(entry.containerId, [entry])
  }

  /** Forgets a container, or its place on one network. */
  remove(containerId: string, networkId?: string): void {
    const own = this.#byContainer.get(containerId) ?? []
    const gone = own.filter((entry) => networkId === undefined || entry.networkId === networkId)
    for (const entry of gone) this.#forget(entry)
    const left = own.filter((entry) => !gone.includes(entry))
    if (left.length > 0) this.#byContainer.set(containerId, left)
    else this.#byContainer.delete(containerId)
  }

  #forget(entry: ZoneEntry): void {
    const names = this.#names.get(entry.networkId)
    for (const name of entry.names) {
      const entries = names?.get(name.toLowerCase())
      entries?.delete(entry)
      if (entries?.size === 0) names?.delete(name.toLowerCase())
    }
    if (names?.size === 0) this.#names.delete(entry.networkId)
    for (const address of entry.addresses) if (this.#byAddress.get(address) === entry) this.#byAddress.delete(address)
  }

  knows(containerId: string): boolean {
    return this.#byContainer.has(containerId)
  }

  /** Who has this address; null for nobody of ours. */
  asker(address: string): Asker | null {
    const entry = this.#byAddress.get(address)
    if (!entry) return null
    const own = this.#byContainer.get(entry.containerId) ?? []
    return { containerId: entry.containerId, networkIds: new Set(own.map(({ networkId }) => networkId)) }
  }

  /** Addresses of a name on the asker's networks; null when the name is not one there. */
  lookup(asker: Asker, name: string): string[] | null {
    const lower = name.toLowerCase().replace(/\.$/, '')
    let found: string[] | null = null
    for (const networkId of asker.networkIds) {
      const wanted = this.#linked(asker, networkId, lower) ?? lower
      for (const entry of this.#names.get(networkId)?.get(wanted) ?? []) found = [...(found ?? []), ...entry.addresses]
    }
    return found
  }

  /** What the asker calls by a name of its own. */
  #linked({ containerId }: Asker, networkId: string, name: string): string | undefined {
    const own = this.#byContainer.get(containerId)?.find((entry) => entry.networkId === networkId)
    const target = own?.links?.find(([alias]) => alias.toLowerCase() === name)?.[1].toLowerCase()
    // Names hold short ids.
    return target && /^[0-9a-f]{13,64}$/.test(target) ? target.slice(0, 12) : target
  }

  /** First name of the container with this address, when it is on one of the asker's networks; null otherwise. */
  reverse(asker: Asker, address: string): string | null {
    const entry = this.#byAddress.get(address)
    return entry && asker.networkIds.has(entry.networkId) ? (entry.names[0] ?? null) : null
  }

  get size(): number {
    return this.#byContainer.size
  }
}
