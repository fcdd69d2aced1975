import { type ExecInspect, GantryError, type TerminalSession, containerIdSchema, terminalTicketRequestSchema } from '@gantry/contracts'
import { deleteTerminals, findTerminal, insertTerminal, listTerminals as findTerminals } from '@gantry/db'
import { z } from 'zod'
import type { SignedIn } from '../backend.ts'
import { projectFields } from '../lib/project-input.ts'
import { type Scope, useCase } from '../use-case.ts'

/** Bash where the image has it, else sh; as a login to a machine would. */
const defaultCommand = ['/bin/sh', '-c', 'command -v bash >/dev/null 2>&1 && exec bash || exec sh']

type Request = z.output<typeof terminalTicketRequestSchema>

/**
 * A ticket for the browser's WebSocket: for a new terminal, or for one of the caller's that is still there. The shell itself
 * is a persistent exec of the agent, so it outlives browser, gateway and agent.
 */
export const openTerminal = useCase({
  verb: 'terminal.open',
  permission: 'container.exec',
  effect: 'agent',
  input: terminalTicketRequestSchema,
  object: ({ container, sessionId }) => `${sessionId ? 'terminal again' : 'terminal'} in container ${container.slice(0, 12)}`,
  async run(scope, input): Promise<{ ticket: string; sessionId: string }> {
    const { projectId, container, columns, rows, from } = input
    const sessionId = input.sessionId === undefined ? await newSession(scope, input) : await ownSession(scope, projectId, input.sessionId)
    const caller = scope.caller as SignedIn
    return { ticket: scope.backend.tickets.issue({ caller, projectId, container, sessionId, columns, rows, from }), sessionId }
  },
})

async function newSession({ backend, user, commit }: Scope, { projectId, container, ...input }: Request): Promise<string> {
  const command = input.command ?? defaultCommand
  const { id } = await backend.agent.call('exec.create', {
    projectId,
    container,
    spec: {
      command,
      user: input.user,
      tty: true,
      openStdin: true,
      persistent: true,
      columns: input.columns,
      rows: input.rows,
      env: ['TERM=xterm-256color'],
    },
  })
  const shown = input.command ? command.join(' ') : 'shell'
  await commit((tx) => insertTerminal(tx, { id, projectId, containerId: container, userId: user.id, command: shown }))
  return id
}

async function ownSession({ backend, user }: Scope, projectId: string, id: string): Promise<string> {
  const terminal = await findTerminal(backend.db.read, { id, projectId, userId: user.id })
  if (!terminal) throw terminalNotFound(id)
  return terminal.id
}

/** The caller's own terminals in a container that can be reattached, oldest first. */
export const listTerminals = useCase({
  verb: 'terminal.sessions',
  permission: 'container.exec',
  effect: 'read',
  input: z.strictObject({ ...projectFields, container: containerIdSchema }),
  async run({ backend, user }, { projectId, container }): Promise<TerminalSession[]> {
    const rows = await findTerminals(backend.db.read, { projectId, containerId: container, userId: user.id })
    if (rows.length === 0) return []
    const execs = new Map((await backend.agent.call('exec.list', { projectId, container })).map((exec) => [exec.id, exec]))
    return rows.flatMap((row) => {
      const exec: ExecInspect | undefined = execs.get(row.id)
      if (!exec) return []
      const { running, exitCode } = exec
      return [{ sessionId: row.id, projectId, container, command: row.command, createdAt: row.createdAt.toISOString(), running, exitCode }]
    })
  },
})

/** Hangs up the shell, as closing a terminal window does. */
export const closeTerminal = useCase({
  verb: 'terminal.close',
  permission: 'container.exec',
  effect: 'agent',
  input: z.strictObject({ ...projectFields, sessionId: z.string().max(64) }),
  object: ({ sessionId }) => `terminal ${sessionId.slice(0, 12)}`,
  async run({ backend, user, commit }, { projectId, sessionId }): Promise<{ sessionId: string }> {
    const terminal = await findTerminal(backend.db.read, { id: sessionId, projectId, userId: user.id })
    if (!terminal) throw terminalNotFound(sessionId)
    await backend.agent.call('exec.kill', { projectId, id: sessionId }).catch((error: unknown) => {
      // It has ended by itself, which is what was asked for.
      if (!(error instanceof GantryError && (error.code === 'not_found' || error.code === 'wrong_state'))) throw error
    })
    await commit((tx) => deleteTerminals(tx, [sessionId]))
    return { sessionId }
  },
})

function terminalNotFound(id: string): GantryError {
  return new GantryError('not_found', `terminal ${id} not found`, { value: id, remedy: 'open a new terminal' })
}
