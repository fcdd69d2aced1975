import type { Command } from 'commander'
import { type Context, ExitStatus, withAgent } from '../context.ts'
import { parseResourcesUpdate, type ResourceFlags, resourceOptions } from '../flags/resources.ts'
import { parseInteger } from '../flags/size.ts'
import { runSession, terminalSize } from '../terminal/session.ts'
import { forEachName } from './each.ts'
import { start } from './run.ts'

type Verb<F> = (context: Context, container: string, flags: F) => Promise<unknown>

/** Verbs on containers that exist. */
export function addContainerCommands(program: Command): void {
  const onNames = <F>(command: Command, verb: Verb<F>) =>
    command
      .argument('<container...>')
      .action((names: string[], flags: F, self: Command) =>
        withAgent(self, (context) => forEachName(names, (name) => verb(context, name, flags))),
      )
  const stopping = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option('-t, --time <seconds>', 'seconds until it is killed')
      .option('-s, --signal <signal>', 'signal that asks')

  onNames(program.command('start').description('start containers'), (context, name) => start(context, name))
  for (const [name, method, description] of [
    ['stop', 'container.stop', 'ask containers to end, and kill them after a while'],
    ['restart', 'container.restart', 'stop and start containers'],
  ] as const) {
    onNames<{ time?: string; signal?: string }>(stopping(name, description), ({ agent, projectId }, container, { time, signal }) =>
      agent.call(method, { projectId, container, signal, timeoutSeconds: time === undefined ? undefined : parseInteger('--time', time) }),
    )
  }
  onNames<{ signal?: string }>(
    program.command('kill').description('send a signal').option('-s, --signal <signal>', 'signal', 'SIGKILL'),
    ({ agent, projectId }, container, { signal }) => agent.call('container.kill', { projectId, container, signal }),
  )
  onNames<{ force?: boolean; volumes?: boolean }>(
    program
      .command('rm')
      .description('remove containers')
      .option('-f, --force', 'kill a running one first')
      .option('-v, --volumes', 'and its anonymous volumes'),
    ({ agent, projectId }, container, { force, volumes }) => agent.call('container.remove', { projectId, container, force, volumes }),
  )
  onNames(program.command('pause').description('freeze all processes'), ({ agent, projectId }, container) =>
    agent.call('container.pause', { projectId, container }),
  )
  onNames(program.command('unpause').description('let them go on'), ({ agent, projectId }, container) =>
    agent.call('container.unpause', { projectId, container }),
  )
  addUpdate(program)
  addAttachAndWait(program)
  program
    .command('rename')
    .description('give a container another name')
    .argument('<container>')
    .argument('<name>')
    .action((container: string, name: string, _: unknown, self: Command) =>
      withAgent(self, async ({ agent, projectId }) => {
        await agent.call('container.rename', { projectId, container, name })
      }),
    )
}

function addUpdate(program: Command): void {
  const command = program.command('update').description('change limits of a container while it runs').argument('<container...>')
  for (const [flags, description] of resourceOptions) command.option(flags, description)
  command.action((names: string[], flags: ResourceFlags, self: Command) =>
    withAgent(self, ({ agent, projectId }) =>
      forEachName(names, async (container) => {
        const { warnings } = await agent.call('container.update', {
          projectId,
          container,
          update: { resources: parseResourcesUpdate(flags) },
        })
        for (const warning of warnings) console.error(`gantry: warning: ${warning}`)
      }),
    ),
  )
}

function addAttachAndWait(program: Command): void {
  program
    .command('attach')
    .description('connect to the main process')
    .option('--detach-keys <keys>', 'keys that leave it running')
    .option('--no-stdin', 'only look')
    .argument('<container>')
    .action((container: string, flags: { detachKeys?: string; stdin: boolean }, self: Command) =>
      withAgent(self, async ({ agent, projectId }) => {
        const { spec } = await agent.call('container.inspect', { projectId, container })
        const stdin = flags.stdin && spec.openStdin
        const exit = await runSession(agent.duplex('container.attach', { projectId, container, stdin, ...terminalSize() }), {
          tty: spec.tty,
          stdin,
          detachKeys: flags.detachKeys,
          resize: (size) => agent.call('container.resize', { projectId, container, ...size }),
        })
        if (exit && exit.exitCode !== 0) throw new ExitStatus(exit.exitCode)
      }),
    )
  program
    .command('wait')
    .description('wait for containers to end and print their exit status')
    .argument('<container...>')
    .action((names: string[], _: unknown, self: Command) =>
      withAgent(self, async ({ agent, projectId, signal }) => {
        for (const container of names) console.log((await agent.call('container.wait', { projectId, container }, { signal })).exitCode)
      }),
    )
}
