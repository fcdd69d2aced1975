import { GantryError } from '@gantry/contracts'
import {
  type Address,
  contains,
  type Family,
  formatAddress,
  formatSubnet,
  overlaps,
  parseSubnet,
  type Subnet,
  subnetSize,
} from './address.ts'

/**
 * The addresses of one subnet. Automatic addresses are given in rising order and start again at the bottom when the end is
 * reached, so that an address rests as long as possible before somebody else has it.
 */
export class AddressPool {
  readonly subnet: Subnet
  readonly gateway: Address
  readonly #first: bigint
  readonly #last: bigint
  readonly #used = new Set<bigint>()
  /** Gateway and addresses of others: never given or given back. */
  readonly #reserved: ReadonlySet<bigint>
  #next: bigint

  constructor(options: { subnet: Subnet; gateway: Address; range?: Subnet; others?: readonly Address[] }) {
    this.subnet = options.subnet
    this.gateway = options.gateway
    const usable = usableRange(options.subnet)
    const range = options.range ? { first: options.range.base, last: options.range.base + subnetSize(options.range) - 1n } : usable
    this.#first = range.first > usable.first ? range.first : usable.first
    this.#last = range.last < usable.last ? range.last : usable.last
    this.#next = this.#first
    this.#reserved = new Set([options.gateway, ...(options.others ?? [])].map(({ value }) => value))
    for (const value of this.#reserved) this.#used.add(value)
  }

  get usedCount(): number {
    return this.#used.size - this.#reserved.size
  }

  /** A free address. Throws `no_space`. */
  allocate(): Address {
    const free = this.#find(this.#next, this.#last) ?? this.#find(this.#first, this.#next - 1n)
    if (free === null) {
      throw new GantryError('no_space', `network ${formatSubnet(this.subnet)} has no free address left`, {
        used: String(this.usedCount),
        limit: String(this.#last - this.#first + 1n),
        remedy: 'stop containers on it, or connect the container to a network with a larger subnet',
      })
    }
    this.#used.add(free)
    this.#next = free + 1n
    return { family: this.subnet.family, value: free }
  }

  #find(from: bigint, to: bigint): bigint | null {
    for (let value = from; value <= to; value++) if (!this.#used.has(value)) return value
    return null
  }

  /** Takes this very address. Throws `invalid_input` outside the subnet, `already_exists` when it is taken. */
  reserve(address: Address): void {
    const text = formatAddress(address)
    const usable = usableRange(this.subnet)
    if (!contains(this.subnet, address) || address.value < usable.first || address.value > usable.last) {
      throw new GantryError('invalid_input', `address ${text} is not a usable address of network ${formatSubnet(this.subnet)}`, {
        value: text,
        remedy: `choose one inside ${formatSubnet(this.subnet)}`,
      })
    }
    if (this.#used.has(address.value)) {
      throw new GantryError('already_exists', `address ${text} is already in use on network ${formatSubnet(this.subnet)}`, { value: text })
    }
    this.#used.add(address.value)
  }

  isUsed(address: Address): boolean {
    return this.#used.has(address.value)
  }

  /** Idempotent. The gateway and others' addresses stay taken. */
  release(address: Address): void {
    if (!this.#reserved.has(address.value)) this.#used.delete(address.value)
  }
}

/** Without the network address, and for IPv4 without the broadcast address; /31, /32, /127 and /128 are used whole. */
export function usableRange(subnet: Subnet): { first: bigint; last: bigint } {
  const size = subnetSize(subnet)
  if (size <= 2n) return { first: subnet.base, last: subnet.base + size - 1n }
  return { first: subnet.base + 1n, last: subnet.base + size - (subnet.family === 4 ? 2n : 1n) }
}

/**
 * Where automatic subnets come from. A bridge has at most 1,023 ports, hence /22; the first ranges are docker's, the last is
 * for hosts with very many networks.
 */
const automatic4: readonly Subnet[] = ['172.18.0.0/15', '172.20.0.0/14', '172.24.0.0/13', '10.192.0.0/11'].map(parseSubnet)
const automaticPrefix4 = 22
/** Candidates of the first three ranges: where an instance begins to look is spread over these. */
const usual4 = 14 * 64

/**
 * The first automatic subnet that overlaps with none of `taken` (other networks, the host's routes). Each instance begins at a place
 * of its own, because a network's subnet is not seen by others before its bridge is up. IPv6 subnets are /64 of the instance's own
 * unique local prefix (RFC 4193), made from its id.
 */
export function chooseSubnet(family: Family, taken: readonly Subnet[], instanceId: string): Subnet {
  const others = taken.filter((other) => other.family === family && other.prefixLength > 0)
  for (const candidate of family === 4 ? candidates4(instanceId) : candidates6(instanceId)) {
    if (!others.some((other) => overlaps(candidate, other))) return candidate
  }
  throw new GantryError('no_space', `no free IPv${family} subnet is left for another network`, {
    remedy: 'remove unused networks, or name a subnet when creating the network',
  })
}

function* candidates4(instanceId: string): Generator<Subnet> {
  const step = 1n << BigInt(32 - automaticPrefix4)
  const all: Subnet[] = []
  for (const range of automatic4) {
    for (let base = range.base; base < range.base + subnetSize(range); base += step)
      all.push({ family: 4, base, prefixLength: automaticPrefix4 })
  }
  const first = Number.parseInt(instanceId, 16) % usual4
  yield* all.slice(first, usual4)
  yield* all.slice(0, first)
  yield* all.slice(usual4)
}

function* candidates6(instanceId: string): Generator<Subnet> {
  const prefix = BigInt(`0xfd67${instanceId.padStart(4, '0')}6e74`)
  for (let index = 0n; index < 65536n; index++) yield { family: 6, base: ((prefix << 16n) | index) << 64n, prefixLength: 64 }
}
