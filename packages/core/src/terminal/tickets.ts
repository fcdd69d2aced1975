import { randomBytes } from 'node:crypto'
import { terminalTicketTtlMs } from '@gantry/contracts'
import type { SignedIn } from '../backend.ts'

/** What a ticket lets its bearer open, once. */
export interface TerminalTicket {
  caller: SignedIn
  projectId: string
  container: string
  sessionId: string
  columns: number
  rows: number
  from: number
}

/** One-use tickets for `/ws/terminal`: a WebSocket's URL ends up in logs, so nothing that lasts may be in it. */
export class TerminalTickets {
  readonly #tickets = new Map<string, { ticket: TerminalTicket; expiresAt: number }>()
  readonly #now: () => Date

  constructor(now: () => Date) {
    this.#now = now
  }

  issue(ticket: TerminalTicket): string {
    const now = this.#now().getTime()
    for (const [key, { expiresAt }] of this.#tickets) if (expiresAt <= now) this.#tickets.delete(key)
    const secret = randomBytes(32).toString('base64url')
    this.#tickets.set(secret, { ticket, expiresAt: now + terminalTicketTtlMs })
    return secret
  }

  /** The ticket, once, while it is fresh. */
  redeem(secret: string): TerminalTicket | undefined {
    const found = this.#tickets.get(secret)
    this.#tickets.delete(secret)
    return found && found.expiresAt > this.#now().getTime() ? found.ticket : undefined
  }
}
