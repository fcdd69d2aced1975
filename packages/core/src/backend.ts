import type { AgentClient, User } from '@gantry/contracts'
import type { Database } from '@gantry/db'
import type { AccessWatch } from './access.ts'
import type { AuditLog } from './audit/audit-log.ts'
import type { Credential } from './identity/credential.ts'
import type { SetupCode } from './identity/setup-code.ts'
import type { SignInDelay } from './identity/sign-in-delay.ts'
import type { ImageTransfers } from './image/image-transfers.ts'
import type { SharedPolls } from './lib/shared-poll.ts'
import type { TerminalTickets } from './terminal/tickets.ts'

/** Where facts that nobody is told go: one line, with the cause. */
export interface Log {
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}

/** What use cases work with; made once per process by `createBackend`. */
export interface Backend {
  readonly db: Database
  readonly agent: AgentClient
  readonly audit: AuditLog
  readonly access: AccessWatch
  readonly signInDelay: SignInDelay
  readonly setupCode: SetupCode
  readonly transfers: ImageTransfers
  readonly tickets: TerminalTickets
  readonly polls: SharedPolls
  /** Operations of this process that have not settled; all others in the database were cut short. */
  readonly inFlight: Set<string>
  readonly log: Log
  now(): Date
}

/** Who asks, from where. */
export interface Caller {
  user: User | null
  sessionId: string | null
  address: string
  userAgent: string
  /** What stands behind `user` where no session does. */
  credential?: Credential
}
export type SignedIn = Caller & { user: User }
