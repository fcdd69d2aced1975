import type { Command } from 'commander'
import { withAgent } from '../context.ts'
import { parseResources, type ResourceFlags } from '../flags/resources.ts'
import { table } from '../output/table.ts'
import { bytes } from '../output/units.ts'

export function addProjectCommands(program: Command): void {
  const project = program.command('project').description('projects as the engine knows them: limits and id ranges')
  project
    .command('ls')
    .description('list projects')
    .action((_: unknown, command: Command) =>
      withAgent(command, async ({ agent }) => {
        const rows = (await agent.call('project.list', {})).map(({ id, idBase, resources }) => [
          id,
          String(idBase),
          resources.nanoCpus === undefined ? 'none' : String(resources.nanoCpus / 1e9),
          resources.memoryBytes === undefined ? 'none' : bytes(resources.memoryBytes),
          resources.pidsLimit === undefined ? 'none' : String(resources.pidsLimit),
        ])
        console.log(table(['PROJECT', 'ID BASE', 'CPUS', 'MEMORY', 'PIDS'], rows))
      }),
    )
  project
    .command('apply')
    .description('make a project or change its limits')
    .option('--cpus <n>', 'cpus of all containers together')
    .option('-m, --memory <size>', 'memory of all containers together')
    .option('--pids-limit <n>', 'processes of all containers together')
    .argument('<id>')
    .action((id: string, flags: ResourceFlags, command: Command) =>
      withAgent(command, async ({ agent }) => {
        const { idBase } = await agent.call('project.apply', { id, resources: parseResources(flags) })
        console.log(`${id} ${idBase}`)
      }),
    )
  project
    .command('rm')
    .description('remove a project')
    .option('-f, --force', 'with everything in it')
    .argument('<id>')
    .action((id: string, flags: { force?: boolean }, command: Command) =>
      withAgent(command, async ({ agent }) => {
        await agent.call('project.remove', { id, force: flags.force })
        console.log(id)
      }),
    )
}
