import { GantryError, hostAdminPolicy } from '@gantry/contracts'
import type { Command } from 'commander'
import { describe, ExitStatus, withAgent } from '../context.ts'
import { runSession, terminalSize } from '../terminal/session.ts'
import { statusOf } from './run.ts'

interface ExecFlags {
  interactive?: boolean
  tty?: boolean
  detach?: boolean
  env: string[]
  user?: string
  workdir?: string
  privileged?: boolean
  detachKeys?: string
}

export function addExecCommand(program: Command): void {
  program
    .command('exec')
    .description('run a command in a running container')
    .option('-i, --interactive', 'keep its input open')
    .option('-t, --tty', 'give it a terminal')
    .option('-d, --detach', 'do not wait for it')
    .option('-e, --env <name=value>', 'environment variable', (value: string, all: string[]) => [...all, value], [])
    .option('-u, --user <user[:group]>', 'user inside')
    .option('-w, --workdir <path>', 'working directory inside')
    .option('--privileged', 'with every capability the agent has')
    .option('--detach-keys <keys>', 'keys that leave the command running')
    .argument('<container>')
    .argument('<command...>')
    .passThroughOptions()
    .action((container: string, args: string[], flags: ExecFlags, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const { id } = await agent.call('exec.create', {
          projectId,
          container,
          policy: hostAdminPolicy,
          spec: {
            command: args,
            env: flags.env.flatMap((entry) =>
              entry.includes('=') || process.env[entry] === undefined ? [entry] : [`${entry}=${process.env[entry]}`],
            ),
            user: flags.user,
            workingDir: flags.workdir,
            tty: flags.tty ?? false,
            openStdin: flags.interactive ?? false,
            privileged: flags.privileged ?? false,
            persistent: flags.detach ?? false,
            ...terminalSize(),
          },
        })
        const duplex = agent.duplex('exec.start', { projectId, id, ...terminalSize() })
        if (flags.detach) return
        const exit = await runSession(duplex, {
          tty: flags.tty ?? false,
          stdin: flags.interactive ?? false,
          detachKeys: flags.detachKeys,
          resize: (size) => agent.call('exec.resize', { projectId, id, ...size }),
        }).catch((error: unknown) => {
          if (!(error instanceof GantryError)) throw error
          console.error(`gantry: ${describe(error)}`)
          throw new ExitStatus(statusOf(error))
        })
        if (exit && exit.exitCode !== 0) throw new ExitStatus(exit.exitCode)
      }),
    )
}
