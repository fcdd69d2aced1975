import { createAgentClient } from '@gantry/agent-rpc/client'
import type { AgentClient } from '@gantry/contracts'
import { type Database, countUsers, openDatabase } from '@gantry/db'
import { AccessWatch } from './access.ts'
import { createAuditLog } from './audit/audit-log.ts'
import type { Backend, Log } from './backend.ts'
import { SetupCode } from './identity/setup-code.ts'
import { SignInDelay } from './identity/sign-in-delay.ts'
import { ImageTransfers } from './image/image-transfers.ts'
import { SharedPolls } from './lib/shared-poll.ts'
import { TerminalTickets } from './terminal/tickets.ts'

export interface BackendOptions {
  /** `file:/path` or `postgresql://…` */
  databaseUrl: string
  migrationsDir: string
  agentSocket: string
  /** Seals the audit log's head. */
  auditKey: Uint8Array
  log: Log
  /** Shows the set-up code to whoever can read the console. */
  showSetupCode(code: string): void
}

/** Opens the database and wires what use cases work with. The agent is first asked when something needs it. */
export async function createBackend(options: BackendOptions): Promise<Backend> {
  const { databaseUrl: url, migrationsDir, log } = options
  const onSyncError = (error: unknown) => log.error('the disk refuses what was written to the database', { error })
  const db = await openDatabase({ url, migrationsDir, onSyncError })
  return composeBackend({ ...options, db, agent: createAgentClient(options.agentSocket) })
}

/** The same from parts, for tests with an agent of their own. */
export function composeBackend(
  parts: Pick<BackendOptions, 'auditKey' | 'log' | 'showSetupCode'> & { db: Database; agent: AgentClient; now?: () => Date },
): Backend {
  const { db, agent, log, now = () => new Date() } = parts
  return {
    db,
    agent,
    log,
    now,
    audit: createAuditLog({ db, key: parts.auditKey, now }),
    access: new AccessWatch(),
    signInDelay: new SignInDelay(),
    setupCode: new SetupCode(parts.showSetupCode),
    transfers: new ImageTransfers(),
    tickets: new TerminalTickets(now),
    polls: new SharedPolls(),
    inFlight: new Set(),
  }
}

/** No user exists yet. */
export async function needsSetup({ db }: Pick<Backend, 'db'>): Promise<boolean> {
  return (await countUsers(db.read)) === 0
}

export async function databaseAnswers({ db, log }: Pick<Backend, 'db' | 'log'>): Promise<boolean> {
  try {
    await countUsers(db.read)
    return true
  } catch (error) {
    log.warn('the database does not answer', { error })
    return false
  }
}
