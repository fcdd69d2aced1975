import { GantryError, type Member, emailSchema, projectIdSchema, roles } from '@gantry/contracts'
import {
  type Transaction,
  deleteMembership,
  findUser,
  findUserByEmail,
  insertMembership,
  isDuplicate,
  listMembers as findMembers,
  updateMembership,
} from '@gantry/db'
import { z } from 'zod'
import { useCase } from '../use-case.ts'

const project = { projectId: projectIdSchema }
const member = { ...project, userId: z.string().min(1).max(64) }
const role = z.enum(roles)

export const listMembers = useCase({
  verb: 'project.members.list',
  permission: 'project.view',
  effect: 'read',
  input: z.strictObject(project),
  run: ({ backend }, { projectId }): Promise<Member[]> => findMembers(backend.db.read, projectId),
})

/** The user must exist: host administrators make users. */
export const addMember = useCase({
  verb: 'project.members.add',
  permission: 'project.manage',
  effect: 'database',
  input: z.strictObject({ ...project, email: emailSchema, role }),
  object: ({ email, projectId }) => `user ${email} in project ${projectId}`,
  async run({ backend, commit }, { projectId, email, role }): Promise<Member> {
    const added = await commit(async (tx) => {
      const user = await findUserByEmail(tx, email)
      if (!user)
        throw new GantryError('not_found', `user ${email} not found`, {
          field: 'email',
          remedy: 'ask a host administrator to create the user',
        })
      await insertMembership(tx, projectId, user.id, role)
      return { userId: user.id, email, name: user.name, role }
    }).catch((error: unknown) => {
      if (!isDuplicate(error)) throw error
      throw new GantryError(
        'already_exists',
        `user ${email} is a member of project ${projectId} already`,
        { field: 'email' },
        { cause: error },
      )
    })
    backend.access.changed(added.userId)
    return added
  },
})

export const setMemberRole = useCase({
  verb: 'project.members.setRole',
  permission: 'project.manage',
  effect: 'database',
  input: z.strictObject({ ...member, role }),
  object: ({ userId, projectId }) => `user ${userId} in project ${projectId}`,
  async run(scope, { projectId, userId, role }): Promise<Member> {
    const changed = await scope.commit(async (tx) => {
      const { count } = await updateMembership(tx, projectId, userId, role)
      const user = await memberUser(tx, { projectId, userId, count })
      scope.object = `user ${user.email} in project ${projectId}`
      return { userId, email: user.email, name: user.name, role }
    })
    scope.backend.access.changed(userId)
    return changed
  },
})

export const removeMember = useCase({
  verb: 'project.members.remove',
  permission: 'project.manage',
  effect: 'database',
  input: z.strictObject(member),
  object: ({ userId, projectId }) => `user ${userId} in project ${projectId}`,
  async run(scope, { projectId, userId }): Promise<{ userId: string }> {
    await scope.commit(async (tx) => {
      const { count } = await deleteMembership(tx, projectId, userId)
      const user = await memberUser(tx, { projectId, userId, count })
      scope.object = `user ${user.email} in project ${projectId}`
    })
    scope.backend.access.changed(userId)
    return { userId }
  },
})

/** The user behind a membership that was just written; `count` 0 says there was none. */
async function memberUser(tx: Transaction, { projectId, userId, count }: { projectId: string; userId: string; count: number }) {
  const user = count === 0 ? null : await findUser(tx, userId)
  if (!user) throw new GantryError('not_found', `user ${userId} is not a member of project ${projectId}`, { value: userId })
  return user
}
