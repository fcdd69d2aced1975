import { type AgentClient, DEFAULT_PROJECT, defaults, GantryError, type WireError } from '@gantry/contracts'
import { createAgentClient } from '@gantry/agent-rpc/client'
import type { Command } from 'commander'

/** What every command works with. */
export interface Context {
  readonly agent: AgentClient
  readonly projectId: string
  /** Aborts at Ctrl-C or SIGTERM of this command. */
  readonly signal: AbortSignal
}

/** Exit status of docker's command line: the engine refused, not the process inside. */
export const engineRefused = 125

/** A command's own exit status, passed up to main without a message. */
export class ExitStatus extends Error {
  readonly status: number
  constructor(status: number) {
    super(`exit ${status}`)
    this.name = 'ExitStatus'
    this.status = status
  }
}

/** Runs one command against the agent's root socket, which needs no sign-in, and closes the connection after it. */
export async function withAgent(command: Command, action: (context: Context) => Promise<void>): Promise<void> {
  const runDir = process.env.GANTRY_RUN || defaults.runDir
  const agent = createAgentClient(`${runDir}/${defaults.agentSocket}`)
  const stop = new AbortController()
  const abort = () => stop.abort()
  process.once('SIGINT', abort)
  process.once('SIGTERM', abort)
  try {
    const { project } = command.optsWithGlobals<{ project?: string }>()
    await action({ agent, projectId: project ?? DEFAULT_PROJECT, signal: stop.signal })
  } catch (error) {
    // Leaving `logs -f` or `events` by Ctrl-C is how they end.
    if (stop.signal.aborted && error instanceof GantryError && error.code === 'cancelled') throw new ExitStatus(130)
    throw error
  } finally {
    process.off('SIGINT', abort)
    process.off('SIGTERM', abort)
    agent.close()
  }
}

/** The message with what the person can do about it. */
export function describe({ message, detail }: Pick<WireError, 'message' | 'detail'>): string {
  const facts = [detail?.limit && `limit ${detail.limit}`, detail?.used && `used ${detail.used}`, detail?.asked && `asked ${detail.asked}`]
  const known = facts.filter((fact): fact is string => Boolean(fact) && !message.includes(String(fact)))
  const remedy = detail?.remedy && !message.includes(detail.remedy) ? [detail.remedy] : []
  return [message, ...known, ...remedy].join('; ')
}
