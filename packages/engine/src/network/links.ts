import type { Op } from '@gantry/contracts'
import { type Address, type Family, formatAddress, type Subnet } from './address.ts'

/** A namespace as the network operations name it. */
export type Where = 'host' | `sandbox:${string}` | `pid:${number}`

export interface BridgePlan {
  /** Its name in the kernel. */
  readonly bridge: string
  /** Name by which we find it, where that is another one; '' where not. */
  readonly ourName: string
  readonly mac: string
  readonly mtu: number
  readonly gateways: readonly { address: Address; subnet: Subnet }[]
}

/** Makes the bridge, or brings an existing one to this state. */
export function bridgeOps({ bridge, ourName, mac, mtu, gateways }: BridgePlan): Op[] {
  const hasIpv6 = gateways.some(({ address }) => address.family === 6)
  return [
    ['net.bridge', bridge, mac, String(mtu), ...(ourName ? [ourName] : [])],
    ['net.sysctl?', 'host', `net/ipv6/conf/${bridge}/accept_ra`, '0'],
    ['net.sysctl?', 'host', `net/ipv6/conf/${bridge}/autoconf`, '0'],
    ['net.sysctl?', 'host', `net/ipv6/conf/${bridge}/accept_dad`, '0'],
    ['net.sysctl?', 'host', `net/ipv6/conf/${bridge}/disable_ipv6`, hasIpv6 ? '0' : '1'],
    ['net.sysctl', 'host', `net/ipv4/conf/${bridge}/rp_filter`, '1'],
    ['net.sysctl', 'host', `net/ipv4/conf/${bridge}/route_localnet`, '0'],
    ...gateways.map(({ address, subnet }): Op => ['net.address', 'host', bridge, `${formatAddress(address)}/${subnet.prefixLength}`]),
    ['net.set', 'host', bridge, 'up', '1'],
  ]
}

export interface LinkPlan {
  readonly kind:
    | {
        readonly driver: 'bridge'
        /** Name on the host. */
        readonly link: string
        readonly bridge: string
        /** Keep it from other ports of the bridge (icc off). */
        readonly isolated: boolean
      }
    | { readonly driver: 'macvlan' | 'ipvlan'; readonly parent: string; readonly mode: string }
  /** Name inside, e.g. `eth0`. */
  readonly interfaceName: string
  readonly mac: string
  /** 0: the parent's. */
  readonly mtu: number
  readonly addresses: readonly { address: Address; prefixLength: number; gateway: Address | null }[]
  readonly linkLocal: readonly Address[]
  /** Paths with `IFNAME` in place of the name inside. */
  readonly sysctls: readonly (readonly [path: string, value: string])[]
  /** Whether the default routes go through this link. */
  readonly defaultRoute: boolean
  /** Found again by a sweep: which network the link belongs to. */
  readonly label: string
}

/** A link into the namespace, with addresses and routes, up. Host root does the part inside. */
export function linkOps(where: Where, plan: LinkPlan): Op[] {
  const { interfaceName, addresses, linkLocal } = plan
  const hasIpv6 = [...addresses.map(({ address }) => address), ...linkLocal].some(({ family }) => family === 6)
  const inside = `net/ipv6/conf/${interfaceName}`
  const add = (address: Address, prefixLength: number): Op => [
    'net.address',
    where,
    interfaceName,
    `${formatAddress(address)}/${prefixLength}`,
  ]
  return [
    ...makeOps(where, plan),
    ...(hasIpv6
      ? ([
          ['net.sysctl?', where, `${inside}/accept_ra`, '0'],
          ['net.sysctl?', where, `${inside}/accept_dad`, '0'],
        ] satisfies Op[])
      : ([['net.sysctl?', where, `${inside}/disable_ipv6`, '1']] satisfies Op[])),
    ...addresses.map(({ address, prefixLength }) => add(address, prefixLength)),
    ...linkLocal.map((address) => add(address, address.family === 4 ? 16 : 64)),
    ...plan.sysctls.map(([path, value]): Op => ['net.sysctl', where, path.replace('IFNAME', interfaceName), value]),
    ['net.set', where, interfaceName, 'up', '1'],
    ...(plan.defaultRoute
      ? addresses.map(({ address, gateway }) => defaultRouteOp('net.route', where, address.family, gateway, interfaceName))
      : []),
  ]
}

function makeOps(where: Where, { kind, interfaceName, mac, mtu, label }: LinkPlan): Op[] {
  if (kind.driver !== 'bridge') {
    return [['net.macvlan', where, interfaceName, kind.parent, kind.driver, kind.mode, kind.driver === 'ipvlan' ? '-' : mac, String(mtu)]]
  }
  const { link, bridge, isolated } = kind
  return [
    ['net.veth', where, interfaceName, link, bridge, String(mtu), mac, label],
    // A bridge port needs no IPv6 of its own, and must not listen to router advertisements of a container.
    ['net.sysctl?', 'host', `net/ipv6/conf/${link}/disable_ipv6`, '1'],
    // Hairpin: where bridged frames pass the IP firewall (bridge-nf-call-iptables), a container that calls its own published port has
    // its frame sent back through the port it came from.
    ['net.set', 'host', link, 'up', '1', 'hairpin', '1', ...(isolated ? ['isolated', '1'] : [])],
  ]
}

/** Without a gateway everything is asked for on the link itself. */
export function defaultRouteOp(
  name: 'net.route' | 'net.route.delete',
  where: Where,
  family: Family,
  gateway: Address | null,
  interfaceName: string,
): Op {
  return [name, where, family === 4 ? '0.0.0.0/0' : '::/0', gateway ? formatAddress(gateway) : '-', interfaceName]
}

/**
 * What every network namespace of a container gets: loopback up, low ports and ping without privileges (docker does the same;
 * the namespace has no ports but its own to protect).
 */
export function sandboxOps(where: Where): Op[] {
  return [
    ['net.set', where, 'lo', 'up', '1'],
    ['net.sysctl', where, 'net/ipv4/ip_unprivileged_port_start', '0'],
    ['net.sysctl', where, 'net/ipv4/ping_group_range', '0 2147483647'],
  ]
}

/** The container's own `net.*` settings; others are not ours. */
export function sysctlOps(where: Where, sysctls: Readonly<Record<string, string>>): Op[] {
  return Object.entries(sysctls)
    .filter(([name]) => name.startsWith('net.') || name.startsWith('net/'))
    .map(([name, value]): Op => ['net.sysctl', where, name.includes('/') ? name : name.replaceAll('.', '/'), value])
}
