import type { Command } from 'commander'
import { withAgent } from '../context.ts'
import { table } from '../output/table.ts'
import { forEachName } from './each.ts'

export function addVolumeCommands(program: Command): void {
  const volume = program.command('volume').description('volumes of the project')
  volume
    .command('ls')
    .description('list volumes')
    .action((_: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const rows = (await agent.call('volume.list', { projectId })).map(({ name, driver, usedBy }) => [driver, name, usedBy.join(', ')])
        console.log(table(['DRIVER', 'NAME', 'USED BY'], rows))
      }),
    )
  volume
    .command('create')
    .description('make a volume')
    .argument('[name]')
    .action((name: string | undefined, _: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        console.log((await agent.call('volume.create', { projectId, spec: { name } })).name)
      }),
    )
  volume
    .command('rm')
    .description('remove volumes')
    .argument('<volume...>')
    .action((names: string[], _: unknown, command: Command) =>
      withAgent(command, ({ agent, projectId }) => forEachName(names, (name) => agent.call('volume.remove', { projectId, volume: name }))),
    )
  volume
    .command('inspect')
    .description('everything known about a volume, as JSON')
    .argument('<volume>')
    .action((name: string, _: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        console.log(JSON.stringify(await agent.call('volume.inspect', { projectId, volume: name }), null, 2))
      }),
    )
}
