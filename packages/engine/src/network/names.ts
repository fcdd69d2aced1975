import { randomBytes } from 'node:crypto'

/**
 * Names of this instance's things in the kernel. Everything we make carries the instance id, so that a sweep finds our orphans and
 * nothing else. Link names have at most 15 bytes.
 */
export class KernelNames {
  readonly #instanceId: string
  constructor(instanceId: string) {
    this.#instanceId = instanceId
  }
  get bridgePrefix(): string {
    return `gb${this.#instanceId}`
  }
  get linkPrefix(): string {
    return `gv${this.#instanceId}`
  }
  /** The nftables tables (families inet and bridge). */
  get table(): string {
    return `gantry_${this.#instanceId}`
  }
  bridge(networkId: string): string {
    return `${this.bridgePrefix}${networkId.slice(0, 6)}`
  }
  /** The other end of a link that has the name of a bridge. */
  pairOf(bridge: string): string {
    return `gp${bridge.slice(2)}`
  }
  randomLink(): string {
    return `${this.linkPrefix}${randomBytes(3).toString('hex')}`
  }
}

/** A locally administered unicast address made of four bytes that are unique on the bridge: the IPv4 address, or the low end of the IPv6 one. */
export function macOf(value: bigint): string {
  const low = (value & 0xffffffffn).toString(16).padStart(8, '0')
  return `02:67:${low.match(/../g)?.join(':')}`
}
