import type { Reader, Transaction } from './database.ts'
import type { OperationModel } from './generated/sqlite/models.ts'
import { sqlOf } from './sql.ts'

export type OperationRow = OperationModel

const insert = `INSERT INTO "Operation" ("id", "verb", "projectId", "actorId", "actor", "address", "object", "parameters", "createdAt")
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

export async function insertOperation(tx: Transaction, row: Omit<OperationRow, 'createdAt'>): Promise<void> {
  const { id, verb, projectId, actorId, actor, address, object, parameters } = row
  await sqlOf(tx).run(insert, id, verb, projectId, actorId, actor, address, object, parameters, new Date())
}

/** The count is 0 when it was settled already. */
export const deleteOperation = (tx: Transaction, id: string): Promise<number> =>
  sqlOf(tx).run('DELETE FROM "Operation" WHERE "id" = $1', id)
export const listOperations = (db: Reader) => db.operation.findMany({ orderBy: { createdAt: 'asc' } })
