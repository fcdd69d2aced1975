import type { User } from '@gantry/contracts'
import type { Reader, Transaction } from './database.ts'
import type { UserModel } from './generated/sqlite/models.ts'

export type UserRow = UserModel

/** The row as others may see it. */
export function toUser(row: UserRow): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    hostAdmin: row.hostAdmin,
    disabled: row.disabled,
    createdAt: row.createdAt.toISOString(),
    lastSignInAt: row.lastSignInAt?.toISOString() ?? null,
  }
}

export const countUsers = (db: Reader | Transaction) => db.user.count()
export const findUser = (db: Reader | Transaction, id: string) => db.user.findUnique({ where: { id } })
export const findUserByEmail = (db: Reader | Transaction, email: string) => db.user.findUnique({ where: { email } })
export const listUsers = (db: Reader) => db.user.findMany({ orderBy: { email: 'asc' } })
/** Host administrators who can sign in. */
export const countActiveHostAdmins = (tx: Transaction) => tx.user.count({ where: { hostAdmin: true, disabled: false } })
export const insertUser = (tx: Transaction, data: { email: string; name: string; passwordHash: string; hostAdmin: boolean }) =>
  tx.user.create({ data })
export const updateUser = (
  tx: Transaction,
  id: string,
  data: Partial<Pick<UserRow, 'name' | 'hostAdmin' | 'disabled' | 'passwordHash' | 'lastSignInAt'>>,
) => tx.user.update({ where: { id }, data })
