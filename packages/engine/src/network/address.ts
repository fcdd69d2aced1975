/** IP addresses and subnets as numbers. Families are 4 and 6; values are big integers, so that one arithmetic serves both. */
export type Family = 4 | 6
export interface Address {
  readonly family: Family
  readonly value: bigint
}
export interface Subnet {
  readonly family: Family
  /** Lowest address: the network address. */
  readonly base: bigint
  readonly prefixLength: number
}

export function addressBits(family: Family): number {
  return family === 4 ? 32 : 128
}

/** Throws RangeError for text that is not an address. IPv6 may end in dotted IPv4 form. */
export function parseAddress(text: string): Address {
  return text.includes(':') ? { family: 6, value: parseIpv6(text) } : { family: 4, value: parseIpv4(text) }
}

function parseIpv4(text: string): bigint {
  const parts = text.split('.')
  if (parts.length !== 4) throw new RangeError(`${text} is not an IPv4 address`)
  let value = 0
  for (const part of parts) {
    const byte = Number(part)
    if (!/^\d{1,3}$/.test(part) || byte > 255) throw new RangeError(`${text} is not an IPv4 address`)
    value = value * 256 + byte
  }
  return BigInt(value)
}

function parseIpv6(text: string): bigint {
  const fail = () => new RangeError(`${text} is not an IPv6 address`)
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const plain = dotted ? `${dotted[1]}${toGroups(parseIpv4(dotted[2] ?? ''))}` : text
  const halves = plain.split('::')
  if (halves.length > 2) throw fail()
  const head = halves[0] ? halves[0].split(':') : []
  const tail = halves[1] ? halves[1].split(':') : []
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) throw fail()
  let value = 0n
  for (const group of [...head, ...Array<string>(halves.length === 2 ? missing : 0).fill('0'), ...tail]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) throw fail()
    value = (value << 16n) | BigInt(Number.parseInt(group, 16))
  }
  return value
}

function toGroups(ipv4: bigint): string {
  return `${(ipv4 >> 16n).toString(16)}:${(ipv4 & 0xffffn).toString(16)}`
}

/** Canonical text; IPv6 as RFC 5952 wants it. */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) {
    const number = Number(value)
    return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
  }
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(16 * (7 - index))) & 0xffffn))
  const { start, length } = longestZeroRun(groups)
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}

/** `10.1.2.3/24` becomes 10.1.2.0/24. Throws RangeError. */
export function parseSubnet(text: string): Subnet {
  const slash = text.lastIndexOf('/')
  const { family, value } = parseAddress(slash < 0 ? text : text.slice(0, slash))
  const prefixLength = slash < 0 ? addressBits(family) : Number(text.slice(slash + 1))
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > addressBits(family))
    throw new RangeError(`${text} has no valid prefix length`)
  const hostBits = BigInt(addressBits(family) - prefixLength)
  return { family, base: (value >> hostBits) << hostBits, prefixLength }
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress({ family: subnet.family, value: subnet.base })}/${subnet.prefixLength}`
}

/** Number of addresses. */
export function subnetSize(subnet: Subnet): bigint {
  return 1n << BigInt(addressBits(subnet.family) - subnet.prefixLength)
}

export function contains(subnet: Subnet, address: Address): boolean {
  return address.family === subnet.family && address.value >= subnet.base && address.value < subnet.base + subnetSize(subnet)
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return a.family === b.family && a.base < b.base + subnetSize(b) && b.base < a.base + subnetSize(a)
}

/** Network byte order, as the firewall's sets have it. */
export function addressHex({ family, value }: Address): string {
  return value.toString(16).padStart(family === 4 ? 8 : 32, '0')
}

/** `1.2.0.192.in-addr.arpa` of a reverse lookup, or null when the name is not one. */
export function parseReverseName(name: string): Address | null {
  const lower = name.toLowerCase().replace(/\.$/, '')
  if (lower.endsWith('.in-addr.arpa')) {
    const parts = lower.slice(0, -'.in-addr.arpa'.length).split('.')
    if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return null
    return parseAddress(parts.reverse().join('.'))
  }
  if (!lower.endsWith('.ip6.arpa')) return null
  const digits = lower.slice(0, -'.ip6.arpa'.length).split('.')
  if (digits.length !== 32 || digits.some((digit) => !/^[0-9a-f]$/.test(digit))) return null
  return { family: 6, value: BigInt(`0x${digits.reverse().join('')}`) }
}

/** The link-local address that the kernel makes from a MAC address (EUI-64). */
export function linkLocalOf(mac: string): Address {
  const bytes = mac.split(':').map((byte) => BigInt(`0x${byte}`))
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = bytes
  const low = ((a ^ 2n) << 56n) | (b << 48n) | (c << 40n) | (0xfffen << 24n) | (d << 16n) | (e << 8n) | f
  return { family: 6, value: (0xfe80n << 112n) | low }
}
