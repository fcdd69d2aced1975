import type { Reader, Transaction } from './database.ts'
import { sqlOf } from './sql.ts'

export const insertTerminal = (
  tx: Transaction,
  data: { id: string; projectId: string; containerId: string; userId: string; command: string },
) => tx.terminal.create({ data })
/** Terminals are their opener's own: others in the project do not find them. */
export const findTerminal = (db: Reader, where: { id: string; projectId: string; userId: string }) => db.terminal.findFirst({ where })
export const listTerminals = (db: Reader, where: { projectId: string; containerId: string; userId: string }) =>
  db.terminal.findMany({ where, orderBy: { createdAt: 'asc' } })
export const deleteTerminals = (tx: Transaction, ids: string[]) => tx.terminal.deleteMany({ where: { id: { in: ids } } })
export const deleteTerminalsOfContainer = (tx: Transaction, containerId: string): Promise<number> =>
  sqlOf(tx).run('DELETE FROM "Terminal" WHERE "containerId" = $1', containerId)
