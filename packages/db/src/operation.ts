import type { Reader, Transaction } from './database.ts'
import type { OperationModel } from './generated/sqlite/models.ts'

export type OperationRow = OperationModel

export const insertOperation = (tx: Transaction, data: Omit<OperationRow, 'createdAt'>) => tx.operation.create({ data })
export const deleteOperation = (tx: Transaction, id: string) => tx.operation.deleteMany({ where: { id } })
export const listOperations = (db: Reader) => db.operation.findMany({ orderBy: { createdAt: 'asc' } })
