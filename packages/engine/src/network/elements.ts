import type { Op, PortProtocol } from '@gantry/contracts'
import type { GatewayMode } from './network-options.ts'
import { type Address, addressBits, addressHex, linkLocalOf, type Subnet, subnetSize } from './address.ts'

/**
 * Elements of the firewall's sets and maps (ruleset.ts) in the form of the `nft.elements` operation: registers as hex, fields of a
 * concatenation padded with zeros to 4 bytes.
 */
export interface Element {
  readonly family: 'inet' | 'bridge'
  readonly set: string
  readonly key: string
  /** Hex; `-` in a set without data. */
  readonly data: string
  /** End of an interval. */
  readonly end?: boolean
}

/** So many elements fit into one message to the kernel. */
const transactionElements = 256

/** One transaction for up to 256 elements (ports of a large range take several), none when there is nothing to change. */
export function elementOps(table: string, verb: '+' | '-', elements: readonly Element[]): Op[] {
  const ops: Op[] = []
  for (let from = 0; from < elements.length; from += transactionElements) {
    const part = elements.slice(from, from + transactionElements)
    const args = part.flatMap(({ family, set, key, data, end }) => [
      end ? `${verb}end` : verb,
      family,
      table,
      set,
      key,
      verb === '+' ? data : '-',
    ])
    ops.push(['nft.elements', ...args])
  }
  return ops
}

const nameHex = (name: string) => Buffer.from(name).toString('hex').padEnd(32, '0')
const macHex = (mac: string) => `${mac.replaceAll(':', '').toLowerCase()}0000`
const protocolHex = (protocol: PortProtocol) => ({ tcp: '06000000', udp: '11000000', sctp: '84000000' })[protocol]
const portHex = (port: number) => `${port.toString(16).padStart(4, '0')}0000`

/** What binds a bridge port to its MAC and addresses: frames from elsewhere are dropped. */
export function guardElements(link: string, mac: string, addresses: readonly Address[]): Element[] {
  const port = nameHex(link) + macHex(mac)
  const all = addresses.some(({ family }) => family === 6) ? [...addresses, linkLocalOf(mac)] : addresses
  return all.flatMap((address): Element[] => {
    const key = port + addressHex(address)
    if (address.family === 4) return [{ family: 'bridge', set: 'guard4', key, data: '-' }]
    return [
      { family: 'bridge', set: 'guard6', key, data: '-' },
      { family: 'bridge', set: 'claim6', key, data: '-' },
    ]
  })
}

/** Destination NAT of one host port; `host` null is every local address of the family. */
export function publishElement(publish: {
  host: Address | null
  protocol: PortProtocol
  hostPort: number
  target: Address
  targetPort: number
}): Element {
  const service = protocolHex(publish.protocol) + portHex(publish.hostPort)
  const set = `publish${publish.target.family}`
  return {
    family: 'inet',
    set: publish.host ? set : `${set}_any`,
    key: publish.host ? addressHex(publish.host) + service : service,
    data: addressHex(publish.target) + portHex(publish.targetPort),
  }
}

/** A port of a container that is entered from outside without translation. */
export function directElement({ protocol, port, target }: { protocol: PortProtocol; port: number; target: Address }): Element {
  return { family: 'inet', set: `direct${target.family}`, key: addressHex(target) + protocolHex(protocol) + portHex(port), data: '-' }
}

/** What the firewall knows of a network. */
export function networkElements(network: {
  bridge: string
  /** By somebody else than us: rules cannot know the bridge by its prefix. */
  isNamed: boolean
  subnets: readonly Subnet[]
  gateways: readonly Address[]
  modes: Readonly<Record<4 | 6, GatewayMode>>
  icc: boolean
  internal: boolean
  masquerade: boolean
}): Element[] {
  const bridge = nameHex(network.bridge)
  const elements: Element[] = []
  // First to come and last to go.
  if (network.isNamed) elements.push({ family: 'inet', set: 'named', key: bridge, data: '-' })
  if (network.icc) elements.push({ family: 'inet', set: 'talk', key: bridge + bridge, data: '-' })
  if (network.internal) elements.push({ family: 'inet', set: 'internal', key: bridge, data: '-' })
  for (const gateway of network.gateways)
    elements.push({ family: 'inet', set: `gateways${gateway.family}`, key: addressHex(gateway), data: '-' })
  for (const subnet of network.subnets) {
    elements.push(...intervalElements(`subnets${subnet.family}`, subnet))
    const mode = network.modes[subnet.family]
    if (mode === 'nat-unprotected') elements.push({ family: 'inet', set: `open${subnet.family}`, key: bridge, data: '-' })
    if (mode === 'routed') elements.push({ family: 'inet', set: `routed${subnet.family}`, key: bridge, data: '-' })
    if (network.masquerade && !network.internal && mode !== 'routed')
      elements.push(...intervalElements(`masquerade${subnet.family}`, subnet))
  }
  return elements
}

/** First address, and the one after the last unless that would be beyond the family's end. */
function intervalElements(set: string, subnet: Subnet): Element[] {
  const first = { family: subnet.family, value: subnet.base }
  const after = { family: subnet.family, value: subnet.base + subnetSize(subnet) }
  const elements: Element[] = [{ family: 'inet', set, key: addressHex(first), data: '-' }]
  if (after.value < 1n << BigInt(addressBits(subnet.family))) {
    elements.push({ family: 'inet', set, key: addressHex(after), data: '-', end: true })
  }
  return elements
}

/** Lets the next datagram to the port take the way that the maps show now; TCP does so by itself. */
export function forgetFlowsOps(ports: readonly { protocol: PortProtocol; hostPort: number }[]): Op[] {
  const udp = new Set(ports.filter(({ protocol, hostPort }) => protocol === 'udp' && hostPort > 0).map(({ hostPort }) => hostPort))
  return [...udp].map((port): Op => ['net.conntrack.forget', String(port)])
}
