import type { NetworkSpec } from '@gantry/contracts'
import { type Address, contains, formatAddress, parseAddress, parseSubnet, type Subnet } from './address.ts'
import { AddressPool } from './ipam.ts'
import type { BridgePlan } from './links.ts'
import { type NetworkOptions, networkOptions } from './network-options.ts'
import { macOf } from './names.ts'

/** The name of the network that every project has; `default` is understood as well. */
export const defaultNetworkName = 'bridge'

/** A network as it is kept on disk. `spec.ipam` is complete: subnets and gateways as chosen. */
export interface NetworkRecord {
  readonly id: string
  readonly projectId: string
  readonly spec: NetworkSpec
  readonly builtin: boolean
  /** The subnets were picked by us: they may be picked again while nobody uses the network. */
  readonly automatic: boolean
  /** Name of the bridge, or a further one where somebody chose its name. */
  readonly bridge: string
  readonly createdAt: string
}

/** A network in memory: its record, and which addresses are taken. */
export class Network {
  record: NetworkRecord
  pools: readonly AddressPool[]
  options: NetworkOptions
  /** Whether the bridge and its firewall elements exist in the kernel. */
  up = false

  constructor(record: NetworkRecord) {
    this.record = record
    this.pools = poolsOf(record)
    this.options = networkOptions(record.spec)
  }

  /** Other subnets, before the first endpoint. */
  move(record: NetworkRecord): void {
    this.record = record
    this.pools = poolsOf(record)
  }

  get id(): string {
    return this.record.id
  }
  get name(): string {
    return this.record.spec.name
  }
  get subnets(): Subnet[] {
    return this.pools.map(({ subnet }) => subnet)
  }
  get gateways(): Address[] {
    return this.pools.map(({ gateway }) => gateway)
  }
  /** Whether the host has a bridge in it; macvlan and ipvlan networks pass the host by. */
  get isBridge(): boolean {
    return this.record.spec.driver === 'bridge'
  }
  /** What the kernel, and so the firewall, calls the bridge. */
  get bridge(): string {
    return this.options.bridgeName || this.record.bridge
  }
  /** Without one, containers route by the link alone. */
  hasGateway(family: 4 | 6): boolean {
    return !this.options.mode.startsWith('l3') && this.options.gatewayModes[family] !== 'isolated'
  }
  poolsOf(family: 4 | 6): AddressPool[] {
    return this.pools.filter(({ subnet }) => subnet.family === family)
  }
  /** The pool that an address is from. */
  poolWith(address: Address): AddressPool | undefined {
    return this.pools.find(({ subnet }) => contains(subnet, address))
  }
  get bridgePlan(): BridgePlan {
    return {
      bridge: this.bridge,
      ourName: this.options.bridgeName && this.record.bridge,
      mac: macOf(this.pools[0]?.gateway.value ?? 1n),
      mtu: this.record.spec.mtu,
      gateways: this.pools
        .filter(({ subnet: { family } }) => this.hasGateway(family) && !(family === 4 && this.options.inhibitIpv4))
        .map(({ gateway, subnet }) => ({ address: gateway, subnet })),
    }
  }
  /** What the firewall needs to know. */
  get firewall() {
    const { bridge } = this
    const { spec } = this.record
    const isNamed = this.options.bridgeName !== ''
    // Containers ask there on the default network only: on others they have an address for it of their own.
    const gateways = this.record.builtin ? this.gateways : []
    const modes = this.options.gatewayModes
    return { bridge, isNamed, subnets: this.subnets, gateways, modes, icc: spec.icc, internal: spec.internal, masquerade: spec.masquerade }
  }
  releaseAddresses(addresses: readonly string[]): void {
    for (const text of addresses) {
      if (!text) continue
      const address = parseAddress(text)
      this.poolWith(address)?.release(address)
    }
  }
  gatewayTexts(): string[] {
    return this.gateways.map(formatAddress)
  }
}

function poolsOf({ spec }: NetworkRecord): AddressPool[] {
  return spec.ipam.map(
    ({ subnet, gateway, ipRange, auxAddresses }) =>
      new AddressPool({
        subnet: parseSubnet(subnet),
        gateway: parseAddress(gateway ?? subnet),
        ...(ipRange ? { range: parseSubnet(ipRange) } : {}),
        others: Object.values(auxAddresses).map(parseAddress),
      }),
  )
}
