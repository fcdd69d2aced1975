import type { Reader, Transaction } from './database.ts'

export const findSession = (db: Reader, tokenHash: string) => db.session.findUnique({ where: { tokenHash }, include: { user: true } })
export const findSessionById = (db: Reader, id: string) => db.session.findUnique({ where: { id }, include: { user: true } })
export const listSessions = (db: Reader, userId: string) => db.session.findMany({ where: { userId }, orderBy: { lastSeenAt: 'desc' } })
export const insertSession = (
  tx: Transaction,
  data: { tokenHash: string; userId: string; address: string; userAgent: string; createdAt: Date; lastSeenAt: Date; expiresAt: Date },
) => tx.session.create({ data })
export const touchSession = (tx: Transaction, id: string, lastSeenAt: Date) =>
  tx.session.updateMany({ where: { id }, data: { lastSeenAt } })
/** Removes one session of one user; the count is 0 when it is not theirs. */
export const deleteSession = (tx: Transaction, userId: string, id: string) => tx.session.deleteMany({ where: { id, userId } })
export const deleteSessionsOf = (tx: Transaction, userId: string) => tx.session.deleteMany({ where: { userId } })
export const deleteSessionsBefore = (tx: Transaction, expired: Date, idleSince: Date) =>
  tx.session.deleteMany({ where: { OR: [{ expiresAt: { lt: expired } }, { lastSeenAt: { lt: idleSince } }] } })
