import { randomUUID } from 'node:crypto'
import { type ContainerSpec, GantryError, hostAdminPolicy } from '@gantry/contracts'
import type { Command } from 'commander'
import { type Context, describe, ExitStatus, engineRefused, withAgent } from '../context.ts'
import { parseRunSpec, type RunFlags, withRunOptions } from '../flags/run-options.ts'
import { runSession, terminalSize } from '../terminal/session.ts'
import { pullImage } from './image.ts'

/** `run`, `create` and `plan`: all three read the same flags. */
export function addRunCommands(program: Command): void {
  withRunOptions(program.command('run').description('make a container and start it'))
    .option('-d, --detach', 'run in the background and print the id')
    .option('--detach-keys <keys>', 'keys that leave the container running')
    .action((image: string, args: string[], flags: RunFlags & { detachKeys?: string }, command: Command) =>
      withAgent(command, (context) => run(context, specFrom(image, args, flags), flags)),
    )
  withRunOptions(program.command('create').description('make a container')).action(
    (image: string, args: string[], flags: RunFlags, command: Command) =>
      withAgent(command, async (context) => {
        console.log(await create(context, specFrom(image, args, flags), flags.pull))
      }),
  )
  withRunOptions(program.command('plan').description('print the operations that a start would carry out')).action(
    (image: string, args: string[], flags: RunFlags, command: Command) =>
      withAgent(command, async ({ agent, projectId }) => {
        const { ops } = await agent.call('container.plan', { projectId, spec: specFrom(image, args, flags) })
        for (const op of ops) console.log(op.map(quote).join(' '))
      }),
  )
}

function specFrom(image: string, args: string[], flags: RunFlags): ContainerSpec {
  return parseRunSpec(image, args, flags, { cwd: process.cwd(), env: process.env })
}

function quote(token: string): string {
  return /^[\w./:=,+@%-]+$/.test(token) ? token : JSON.stringify(token)
}

async function run(context: Context, spec: ContainerSpec, flags: RunFlags & { detachKeys?: string }): Promise<void> {
  const { agent, projectId } = context
  const id = await create(context, spec, flags.pull)
  const container = { projectId, container: id }
  if (flags.detach) {
    await start(context, id)
    console.log(id)
    return
  }
  // Attached before the start, so that not even the first byte of a short life is missed.
  const duplex = agent.duplex('container.attach', { ...container, stdin: spec.openStdin, ...terminalSize() })
  const session = runSession(duplex, {
    tty: spec.tty,
    stdin: spec.openStdin,
    detachKeys: flags.detachKeys,
    resize: (size) => agent.call('container.resize', { ...container, ...size }),
  })
  session.catch(() => undefined)
  const stopForwarding = spec.tty ? () => undefined : forwardSignals(context, id)
  try {
    await start(context, id)
    const exit = await session
    if (exit && exit.exitCode !== 0) throw new ExitStatus(exit.exitCode)
  } finally {
    stopForwarding()
  }
}

/** Without a terminal of its own the container gets our signals, as docker's `--sig-proxy` does. */
function forwardSignals({ agent, projectId }: Context, id: string): () => void {
  const forward = (signal: NodeJS.Signals) => {
    agent.call('container.kill', { projectId, container: id, signal }).catch(() => undefined)
  }
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']
  for (const signal of signals) process.on(signal, forward)
  return () => {
    for (const signal of signals) process.off(signal, forward)
  }
}

async function create(context: Context, spec: ContainerSpec, pull = 'missing'): Promise<string> {
  const { agent, projectId } = context
  const request = { projectId, spec, policy: hostAdminPolicy, operationId: randomUUID() }
  if (pull === 'always') await pullImage(context, spec.image)
  const made = await agent.call('container.create', request).catch(async (error: unknown) => {
    if (!(isMissingImage(error) && pull === 'missing')) throw error
    console.error(`gantry: no image ${spec.image} here; pulling it`)
    await pullImage(context, spec.image)
    return await agent.call('container.create', { ...request, operationId: randomUUID() })
  })
  for (const warning of made.warnings) console.error(`gantry: warning: ${warning}`)
  return made.id
}

function isMissingImage(error: unknown): boolean {
  return error instanceof GantryError && error.code === 'not_found' && (error.detail.field === 'image' || /\bimage\b/.test(error.message))
}

/** Starts it; a command that cannot be run ends us as a shell would: 127 not found, 126 not executable. */
export async function start({ agent, projectId }: Context, container: string): Promise<void> {
  try {
    await agent.call('container.start', { projectId, container, operationId: randomUUID() })
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
    console.error(`gantry: ${describe(error)}`)
    throw new ExitStatus(statusOf(error))
  }
}

export function statusOf(error: GantryError): number {
  if (!error.detail.step?.startsWith('exec')) return engineRefused
  return error.detail.errno === 'ENOENT' ? 127 : 126
}
