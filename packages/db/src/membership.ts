import { type Member, type Role, roles } from '@gantry/contracts'
import type { Reader, Transaction } from './database.ts'
import { sqlOf } from './sql.ts'

/** An unknown word in the database counts as the weakest role. */
const toRole = (role: string): Role => roles.find((known) => known === role) ?? 'viewer'

export async function findRole(db: Reader | Transaction, projectId: string, userId: string): Promise<Role | null> {
  const [row] = await sqlOf(db).all('SELECT "role" FROM "Membership" WHERE "projectId" = $1 AND "userId" = $2', projectId, userId)
  return row ? toRole(String(row.role)) : null
}

/** Projects of one user with their role there. */
export async function listMemberships(db: Reader, userId: string) {
  const rows = await db.membership.findMany({ where: { userId }, include: { project: true }, orderBy: { projectId: 'asc' } })
  return rows.map(({ project, role }) => ({ project, role: toRole(role) }))
}

export async function listMembers(db: Reader, projectId: string): Promise<Member[]> {
  const rows = await db.membership.findMany({ where: { projectId }, include: { user: true }, orderBy: { user: { email: 'asc' } } })
  return rows.map(({ user, role }) => ({ userId: user.id, email: user.email, name: user.name, role: toRole(role) }))
}

export const insertMembership = (tx: Transaction, projectId: string, userId: string, role: Role) =>
  tx.membership.create({ data: { projectId, userId, role } })
/** The count is 0 when the user is not a member. */
export const updateMembership = (tx: Transaction, projectId: string, userId: string, role: Role) =>
  tx.membership.updateMany({ where: { projectId, userId }, data: { role } })
export const deleteMembership = (tx: Transaction, projectId: string, userId: string) =>
  tx.membership.deleteMany({ where: { projectId, userId } })
