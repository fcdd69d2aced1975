import type { AuditEntry } from '@gantry/contracts'
import { type Database, type Transaction, findAuditHead, insertAuditEntry, writeAuditHead } from '@gantry/db'
import { genesisHash, hashEntry, sealHead } from './chain.ts'
import { printable } from './redact.ts'

/** What a use case says about itself; place in the chain is added here. */
export type AuditDraft = Omit<AuditEntry, 'seq' | 'time' | 'prevHash' | 'hash'>

export interface AuditLog {
  /** Appends inside the caller's transaction: the entry is there if and only if the transaction is. */
  append(tx: Transaction, draft: AuditDraft): Promise<void>
  /** Seals the head; verification needs it too. */
  readonly key: Uint8Array
}

export interface AuditLogOptions {
  db: Database
  /** Seals the head; at least 32 bytes, kept outside the database. */
  key: Uint8Array
  now(): Date
}

export function createAuditLog({ db, key, now }: AuditLogOptions): AuditLog {
  return {
    key,
    async append(tx, draft) {
      // SQLite holds its write lock already; PostgreSQL's appenders line up here.
      if (db.provider === 'postgresql') await tx.writeLock.update({ where: { id: 1 }, data: { turn: { increment: 1 } } })
      const last = (await findAuditHead(tx)) ?? { seq: 0, hash: genesisHash }
      const content = {
        ...draft,
        actor: printable(draft.actor),
        object: printable(draft.object),
        error: draft.error === null ? null : printable(draft.error),
        seq: last.seq + 1,
        time: now().toISOString(),
        prevHash: last.hash,
      }
      const hash = hashEntry(content)
      await insertAuditEntry(tx, { ...content, hash })
      await writeAuditHead(tx, sealHead(key, { seq: content.seq, hash }))
    },
  }
}
