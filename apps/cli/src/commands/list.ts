import type { ContainerSummary, PublishedPort } from '@gantry/contracts'
import type { Command } from 'commander'
import { withAgent } from '../context.ts'
import { table } from '../output/table.ts'
import { shortId, span } from '../output/units.ts'

/** Commands that look at containers: ps, inspect, top, diff. */
export function addListCommands(program: Command): void {
  program
    .command('ps')
    .description('list containers')
    .option('-a, --all', 'those that do not run too')
    .option('-q, --quiet', 'only ids')
    .option('--no-trunc', 'whole ids and commands')
    .option('--all-projects', 'of every project')
    .action((flags: { all?: boolean; quiet?: boolean; trunc: boolean; allProjects?: boolean }, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const containers = await agent.call('container.list', {
          projectId: flags.allProjects ? undefined : projectId,
          all: flags.all ?? false,
        })
        if (flags.quiet) for (const { id } of containers) console.log(flags.trunc ? shortId(id) : id)
        else console.log(psTable(containers, flags))
      }),
    )
  program
    .command('inspect')
    .description('everything known about containers, as JSON')
    .option('-s, --size', 'with the size of the writable layer')
    .argument('<container...>')
    .action((names: string[], flags: { size?: boolean }, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const found = []
        for (const container of names) found.push(await agent.call('container.inspect', { projectId, container, size: flags.size }))
        console.log(JSON.stringify(found, null, 2))
      }),
    )
  program
    .command('top')
    .description('processes of a container')
    .argument('<container>')
    .action((container: string, _: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const { titles, processes } = await agent.call('container.top', { projectId, container })
        console.log(table(titles, processes))
      }),
    )
  program
    .command('diff')
    .description('files that differ from the image')
    .argument('<container>')
    .action((container: string, _: unknown, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const letter = { modified: 'C', added: 'A', deleted: 'D' }
        for (const { kind, path } of await agent.call('container.diff', { projectId, container })) console.log(`${letter[kind]} ${path}`)
      }),
    )
}

function psTable(containers: readonly ContainerSummary[], flags: { trunc: boolean; allProjects?: boolean }): string {
  const now = new Date()
  const project = flags.allProjects ? ['PROJECT'] : []
  return table(
    ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAME', ...project],
    containers.map((container) => [
      flags.trunc ? shortId(container.id) : container.id,
      container.image,
      cut(container.command.join(' '), flags.trunc ? 24 : Number.POSITIVE_INFINITY),
      `${span(container.createdAt, now)} ago`,
      status(container, now),
      container.ports.map(portText).join(', '),
      container.name,
      ...(flags.allProjects ? [container.projectId] : []),
    ]),
  )
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}

function portText({ hostAddress, hostPort, containerPort, protocol }: PublishedPort): string {
  return `${hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress}:${hostPort}->${containerPort}/${protocol}`
}

function status({ state }: ContainerSummary, now: Date): string {
  const health = state.health && state.health.status !== 'none' ? ` (${state.health.status})` : ''
  switch (state.status) {
    case 'running':
      return `Up ${span(state.startedAt, now)}${health}`
    case 'paused':
      return `Up ${span(state.startedAt, now)} (paused)`
    case 'exited':
      return `Exited (${state.exitCode}${state.oomKilled ? ', out of memory' : ''}) ${span(state.finishedAt, now)} ago`
    case 'restarting':
      return `Restarting (${state.exitCode})`
    default:
      return state.status.charAt(0).toUpperCase() + state.status.slice(1)
  }
}
