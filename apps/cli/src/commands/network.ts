import { BlockList, isIPv6 } from 'node:net'
import { type EndpointSpec, endpointSpecSchema, invalidInput, type NetworkSpec, networkSpecSchema } from '@gantry/contracts'
import type { Command } from 'commander'
import { withAgent } from '../context.ts'
import { parseLink, parseOption } from '../flags/networks.ts'
import { parseInteger } from '../flags/size.ts'
import { table } from '../output/table.ts'
import { shortId } from '../output/units.ts'
import { forEachName } from './each.ts'

interface CreateFlags {
  driver?: string
  opt: string[]
  label: string[]
  subnet: string[]
  gateway: string[]
  ipRange: string[]
  auxAddress: string[]
  ipv4: boolean
  internal?: boolean
  ipv6?: boolean
  icc: boolean
  mtu?: string
}

function isIn(subnet: string, address: string): boolean {
  const [base = '', prefix] = subnet.split('/')
  const list = new BlockList()
  const family = isIPv6(base) ? 'ipv6' : 'ipv4'
  list.addSubnet(base, Number(prefix), family)
  return isIPv6(address) === isIPv6(base) && list.check(address, family)
}

function createSpec(name: string, flags: CreateFlags): NetworkSpec {
  const auxAddresses = flags.auxAddress.flatMap((text) => Object.entries(parseOption('--aux-address', text)))
  const ipam = flags.subnet.map((subnet, index) => ({
    subnet,
    gateway: flags.gateway[index],
    ipRange: flags.ipRange[index],
    auxAddresses: Object.fromEntries(auxAddresses.filter(([, address]) => isIn(subnet, address))),
  }))
  const labels = flags.label.map((text) => (text.includes('=') ? parseOption('--label', text) : { [text]: '' }))
  const parsed = networkSpecSchema.safeParse({
    name,
    driver: flags.driver,
    ipam,
    internal: flags.internal,
    ipv4: flags.ipv4,
    ipv6: flags.ipv6,
    icc: flags.icc,
    options: Object.assign({}, ...flags.opt.map((text) => parseOption('-o', text))),
    labels: Object.assign({}, ...labels),
    ...(flags.mtu && { mtu: Number(flags.mtu) }),
  })
  if (!parsed.success) throw invalidInput(parsed.error)
  return parsed.data
}

export function addNetworkCommands(program: Command): void {
  const network = program.command('network').description('networks of the project')
  const collect = (value: string, all: string[]) => [...all, value]
  network
    .command('ls')
    .description('list networks')
    .action((_: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const rows = (await agent.call('network.list', { projectId })).map(({ id, spec, bridge, containers }) => [
          shortId(id),
          spec.name,
          spec.driver,
          spec.ipam.map(({ subnet }) => subnet).join(', '),
          bridge,
          String(containers.length),
        ])
        console.log(table(['NETWORK ID', 'NAME', 'DRIVER', 'SUBNET', 'BRIDGE', 'CONTAINERS'], rows))
      }),
    )
  network
    .command('create')
    .description('make a network')
    .option('-d, --driver <driver>', 'bridge, macvlan or ipvlan')
    .option('-o, --opt <key=value>', "driver option, by docker's names", collect, [])
    .option('--label <key=value>', 'label', collect, [])
    .option('--subnet <cidr>', 'addresses', collect, [])
    .option('--gateway <address>', 'gateway of the subnet in the same place', collect, [])
    .option('--ip-range <cidr>', 'part of the subnet in the same place that automatic addresses come from', collect, [])
    .option('--aux-address <name=address>', "address that is somebody else's", collect, [])
    .option('--internal', 'no way out')
    .option('--no-ipv4', 'without IPv4')
    .option('--ipv6', 'with IPv6')
    .option('--no-icc', 'containers may not talk to each other')
    .option('--mtu <n>', 'largest packet')
    .argument('<name>')
    .action((name: string, flags: CreateFlags, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const spec = createSpec(name, flags)
        console.log((await agent.call('network.create', { projectId, spec })).id)
      }),
    )
  network
    .command('rm')
    .description('remove networks')
    .argument('<network...>')
    .action((names: string[], _: unknown, command: Command) =>
      withAgent(command, ({ agent, projectId }) =>
        forEachName(names, (name) => agent.call('network.remove', { projectId, network: name })),
      ),
    )
  network
    .command('inspect')
    .description('everything known about a network, as JSON')
    .argument('<network>')
    .action((name: string, _: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        console.log(JSON.stringify(await agent.call('network.inspect', { projectId, network: name }), null, 2))
      }),
    )
  network
    .command('prune')
    .description('remove networks that no running container uses')
    .action((_: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        for (const name of (await agent.call('network.prune', { projectId })).removed) console.log(name)
      }),
    )
  network
    .command('connect')
    .description('connect a container, also while it runs')
    .option('--ip <address>', 'IPv4 address')
    .option('--ip6 <address>', 'IPv6 address')
    .option('--alias <name>', 'further name on the network', collect, [])
    .option('--link <container[:alias]>', 'name of its own for another container', collect, [])
    .option('--link-local-ip <address>', 'further link-local address', collect, [])
    .option('--gw-priority <n>', 'the highest has the default routes')
    .option('--driver-opt <key=value>', "driver option, by docker's names", collect, [])
    .argument('<network>')
    .argument('<container>')
    .action((name: string, container: string, flags: ConnectFlags, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        await agent.call('network.connect', { projectId, container, endpoint: connectEndpoint(name, flags) })
      }),
    )
  network
    .command('disconnect')
    .description('disconnect a container, also while it runs')
    .option('-f, --force', 'also when it is not connected')
    .argument('<network>')
    .argument('<container>')
    .action((name: string, container: string, flags: { force?: boolean }, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        await agent.call('network.disconnect', { projectId, container, network: name, force: flags.force })
      }),
    )
}

interface ConnectFlags {
  ip?: string
  ip6?: string
  alias: string[]
  link: string[]
  linkLocalIp: string[]
  gwPriority?: string
  driverOpt: string[]
}

function connectEndpoint(network: string, flags: ConnectFlags): EndpointSpec {
  const parsed = endpointSpecSchema.safeParse({
    network,
    aliases: flags.alias,
    ipv4Address: flags.ip,
    ipv6Address: flags.ip6,
    links: flags.link.length > 0 ? flags.link.map(parseLink) : undefined,
    linkLocalAddresses: flags.linkLocalIp.length > 0 ? flags.linkLocalIp : undefined,
    priority: flags.gwPriority === undefined ? undefined : parseInteger('--gw-priority', flags.gwPriority),
    driverOptions:
      flags.driverOpt.length > 0 ? Object.assign({}, ...flags.driverOpt.map((text) => parseOption('--driver-opt', text))) : undefined,
  })
  if (!parsed.success) throw invalidInput(parsed.error)
  return parsed.data
}
