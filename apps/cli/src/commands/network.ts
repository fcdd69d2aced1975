import type { Command } from 'commander'
import { withAgent } from '../context.ts'
import { table } from '../output/table.ts'
import { shortId } from '../output/units.ts'
import { forEachName } from './each.ts'

interface CreateFlags {
  subnet: string[]
  gateway: string[]
  internal?: boolean
  ipv6?: boolean
  icc: boolean
  mtu?: string
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
    .option('--subnet <cidr>', 'addresses', collect, [])
    .option('--gateway <address>', 'gateway of the subnet in the same place', collect, [])
    .option('--internal', 'no way out')
    .option('--ipv6', 'with IPv6')
    .option('--no-icc', 'containers may not talk to each other')
    .option('--mtu <n>', 'largest packet')
    .argument('<name>')
    .action((name: string, flags: CreateFlags, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const ipam = flags.subnet.map((subnet, index) => ({ subnet, gateway: flags.gateway[index] }))
        const spec = {
          name,
          ipam,
          internal: flags.internal,
          ipv6: flags.ipv6,
          icc: flags.icc,
          ...(flags.mtu && { mtu: Number(flags.mtu) }),
        }
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
  for (const [verb, method] of [
    ['connect', 'network.connect'],
    ['disconnect', 'network.disconnect'],
  ] as const) {
    network
      .command(verb)
      .description(`${verb} a container while it runs`)
      .argument('<network>')
      .argument('<container>')
      .action((name: string, container: string, _: unknown, command: Command) =>
        withAgent(command, async ({ agent, projectId }) => {
          if (method === 'network.connect') await agent.call(method, { projectId, container, endpoint: { network: name } })
          else await agent.call(method, { projectId, container, network: name })
        }),
      )
  }
}
