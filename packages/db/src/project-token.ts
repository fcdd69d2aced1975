import type { Reader, Transaction } from './database.ts'

const withUser = { include: { user: true } } as const

export const findTokenByHash = (db: Reader, tokenHash: string) => db.projectToken.findUnique({ where: { tokenHash }, ...withUser })
export const findTokenById = (db: Reader, id: string) => db.projectToken.findUnique({ where: { id }, ...withUser })
export const findTokenByName = (db: Reader, projectId: string, name: string) =>
  db.projectToken.findUnique({ where: { projectId_name: { projectId, name } }, ...withUser })
export const listTokens = (db: Reader, projectId: string) =>
  db.projectToken.findMany({ where: { projectId }, orderBy: { createdAt: 'asc' }, ...withUser })
export const insertToken = (
  tx: Transaction,
  data: { projectId: string; name: string; role: string; tokenHash: string; userId: string | null; expiresAt: Date | null },
) => tx.projectToken.create({ data, ...withUser })
/** The count is 0 when the project has no such token. */
export const deleteToken = (tx: Transaction, projectId: string, id: string) => tx.projectToken.deleteMany({ where: { projectId, id } })
export const touchToken = (tx: Transaction, id: string, lastUsedAt: Date) =>
  tx.projectToken.updateMany({ where: { id }, data: { lastUsedAt } })
