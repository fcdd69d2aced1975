import type { KernelNames } from './names.ts'

/** Removes both tables; naming each before deleting it makes that work when there is none. */
export function noFirewall({ table }: KernelNames): string {
  return ['inet', 'bridge'].map((family) => `table ${family} ${table}\ndelete table ${family} ${table}\n`).join('')
}

/**
 * The whole firewall of an instance: loaded in one transaction when the agent starts, after which networks, endpoints and published
 * ports are only elements of its sets and maps (elements.ts). No rule names a container, so a start costs the kernel no rule change.
 *
 * - `publish…`: host address and port to container address and port, for packets from outside, from containers and from the host
 *   itself. The host's own loopback is served by a listener instead (port-keeper.ts): it would need route_localnet.
 * - `across`: what may be forwarded from or to our bridges. Between networks nothing but published ports; from outside nothing but
 *   published ports, unless the network's gateway mode opens it (`from_outside`); internal networks neither way; link-local and cloud metadata addresses never. Where the host sends bridged frames
 *   through here (net.bridge.bridge-nf-call-iptables) `talk` lets those of networks with icc pass. Segment sizes are cut to what the
 *   route takes, as many networks swallow the messages that would say so.
 * - `to_host`: containers reach no service of the host but the resolver, on the gateways of default networks (it tells askers apart by
 *   their address, and a container keeps that gateway in resolv.conf when it leaves that network). Their own gateway answers pings.
 * - family bridge, `from_port`: each port sends only with the MAC and addresses it was given; no router advertisements, no answers of
 *   a DHCP server; `chatter` bounds its ARP and neighbour messages.
 *
 * Bridges are known by their prefix, or as `named`, which is complete from the first moment: without it their traffic would pass.
 *
 * An `accept` here ends only our own table's say: other tables of the host still decide for themselves.
 */
export function firewallRuleset(names: KernelNames, named: readonly string[] = []): string {
  const { table, bridgePrefix, linkPrefix } = names
  const ours = `"${bridgePrefix}*"`
  return `${noFirewall(names)}table inet ${table} {
  set named { type ifname;${named.length > 0 ? ` elements = { ${named.map((name) => `"${name}"`).join(', ')} };` : ''} }
  set talk { type ifname . ifname; }
  set internal { type ifname; }
  set gateways4 { type ipv4_addr; }
  set gateways6 { type ipv6_addr; }
  set subnets4 { type ipv4_addr; flags interval; }
  set subnets6 { type ipv6_addr; flags interval; }
  set masquerade4 { type ipv4_addr; flags interval; }
  set masquerade6 { type ipv6_addr; flags interval; }
  set open4 { type ifname; }
  set open6 { type ifname; }
  set routed4 { type ifname; }
  set routed6 { type ifname; }
  set direct4 { type ipv4_addr . inet_proto . inet_service; }
  set direct6 { type ipv6_addr . inet_proto . inet_service; }
  map publish4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  map publish4_any { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map publish6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
  map publish6_any { type inet_proto . inet_service : ipv6_addr . inet_service; }

  chain publish {
    meta l4proto != { tcp, udp, sctp } return
    ip daddr 127.0.0.0/8 return
    ip6 daddr ::1 return
    dnat ip addr . port to ip daddr . meta l4proto . th dport map @publish4
    dnat ip addr . port to meta l4proto . th dport map @publish4_any
    dnat ip6 addr . port to ip6 daddr . meta l4proto . th dport map @publish6
    dnat ip6 addr . port to meta l4proto . th dport map @publish6_any
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname ${ours} jump to_container
    oifname @named jump to_container
    ip saddr @masquerade4 masquerade
    ip6 saddr @masquerade6 masquerade
  }
  chain to_container {
    ct status dnat ip saddr @subnets4 masquerade
    ct status dnat ip6 saddr @subnets6 masquerade
    accept
  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname ${ours} jump to_host
    iifname @named jump to_host
  }
  chain to_host {
    ct state vmap { established : accept, related : accept, invalid : drop }
    meta l4proto { tcp, udp } th dport 53 ip daddr @gateways4 accept
    meta l4proto { tcp, udp } th dport 53 ip6 daddr @gateways6 accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    fib daddr . iif type local icmp type echo-request limit rate 50/second accept
    fib daddr . iif type local icmpv6 type echo-request limit rate 50/second accept
    drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname ${ours} jump across
    oifname ${ours} jump across
    iifname @named jump across
    oifname @named jump across
  }
  chain from_outside {
    iifname ${ours} return
    iifname @named return
    oifname @open4 meta nfproto ipv4 accept
    oifname @open6 meta nfproto ipv6 accept
    oifname @routed4 icmp type echo-request accept
    oifname @routed6 icmpv6 type echo-request accept
    meta l4proto != { tcp, udp, sctp } return
    ip daddr . meta l4proto . th dport @direct4 accept
    ip6 daddr . meta l4proto . th dport @direct6 accept
  }
  chain across {
    tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
    iifname . oifname @talk accept
    ip daddr 169.254.0.0/16 drop
    ip6 daddr { fd00:ec2::254, fe80::/10 } drop
    ct state vmap { established : accept, related : accept }
    ct state invalid drop
    iifname @internal drop
    oifname @internal drop
    ct status dnat accept
    jump from_outside
    oifname ${ours} drop
    oifname @named drop
    accept
  }
}
table bridge ${table} {
  set guard4 { type ifname . ether_addr . ipv4_addr; }
  set guard6 { type ifname . ether_addr . ipv6_addr; }
  set claim6 { typeof iifname . ether saddr . @th,64,128; }
  set chatter { type ifname; flags dynamic,timeout; timeout 1m; size 65535; }

  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname "${linkPrefix}*" jump from_port
  }
  chain from_port {
    ether type arp update @chatter { iifname limit rate over 200/second burst 400 packets } drop
    ether type ip6 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } update @chatter { iifname limit rate over 200/second burst 400 packets } drop
    ether type ip udp sport 67 drop
    ether type ip iifname . ether saddr . ip saddr @guard4 accept
    ether type arp iifname . ether saddr . arp saddr ip @guard4 iifname . arp saddr ether . arp saddr ip @guard4 accept
    ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } drop
    ether type ip6 udp sport 547 drop
    ether type ip6 icmpv6 type nd-neighbor-advert iifname . ether saddr . @th,64,128 @claim6 accept
    ether type ip6 icmpv6 type nd-neighbor-advert drop
    ether type ip6 iifname . ether saddr . ip6 saddr @guard6 accept
    drop
  }
}
`
}
