import { GantryError, type User, displayNameSchema, emailSchema, passwordSchema } from '@gantry/contracts'
import {
  type Transaction,
  type UserRow,
  countActiveHostAdmins,
  deleteSessionsOf,
  listUsers as findUsers,
  findUser,
  insertUser,
  isDuplicate,
  toUser,
  updateUser as writeUser,
} from '@gantry/db'
import { z } from 'zod'
import { hashPassword } from '../identity/password.ts'
import { useCase } from '../use-case.ts'

const userId = z.string().min(1).max(64)

/** With the seconds for which sign-in is delayed after wrong passwords. */
export const listUsers = useCase({
  verb: 'user.list',
  permission: 'user.manage',
  effect: 'read',
  input: z.void(),
  async run({ backend }): Promise<(User & { lockedSeconds: number })[]> {
    const rows = await findUsers(backend.db.read)
    return Promise.all(rows.map(async (row) => ({ ...toUser(row), lockedSeconds: await backend.signInDelay.lockedSeconds(row.email) })))
  },
})

export const createUser = useCase({
  verb: 'user.create',
  permission: 'user.manage',
  effect: 'database',
  input: z.strictObject({ email: emailSchema, name: displayNameSchema, password: passwordSchema, hostAdmin: z.boolean().default(false) }),
  object: ({ email }) => `user ${email}`,
  async run({ commit }, { password, ...data }): Promise<User> {
    const passwordHash = await hashPassword(password)
    try {
      return toUser(await commit((tx) => insertUser(tx, { ...data, passwordHash })))
    } catch (error) {
      if (!isDuplicate(error)) throw error
      throw new GantryError('already_exists', `user ${data.email} exists already`, { field: 'email', value: data.email }, { cause: error })
    }
  },
})

/** Changing rights ends the user's sessions. The last host administrator who can sign in stays one. */
export const updateUser = useCase({
  verb: 'user.update',
  permission: 'user.manage',
  effect: 'database',
  input: z.strictObject({
    id: userId,
    name: displayNameSchema.optional(),
    hostAdmin: z.boolean().optional(),
    disabled: z.boolean().optional(),
  }),
  object: ({ id }) => `user ${id}`,
  async run(scope, { id, ...change }): Promise<User> {
    const updated = await scope.commit(async (tx) => {
      const before = await existing(tx, id)
      scope.object = `user ${before.email}`
      const after = await writeUser(tx, id, change)
      if (before.hostAdmin !== after.hostAdmin || after.disabled) await deleteSessionsOf(tx, id)
      if ((await countActiveHostAdmins(tx)) === 0) {
        throw new GantryError('wrong_state', `${before.email} is the last host administrator`, {
          remedy: 'make another user host administrator first',
        })
      }
      return toUser(after)
    })
    scope.backend.access.changed(id)
    return updated
  },
})

/** Sets a new password and ends all sessions of the user. */
export const resetPassword = useCase({
  verb: 'user.resetPassword',
  permission: 'user.manage',
  effect: 'database',
  input: z.strictObject({ id: userId, password: passwordSchema }),
  object: ({ id }) => `user ${id}`,
  async run(scope, { id, password }): Promise<User> {
    const passwordHash = await hashPassword(password)
    const updated = await scope.commit(async (tx) => {
      const { email } = await existing(tx, id)
      scope.object = `user ${email}`
      await deleteSessionsOf(tx, id)
      return toUser(await writeUser(tx, id, { passwordHash }))
    })
    await scope.backend.signInDelay.succeeded(updated.email)
    scope.backend.access.changed(id)
    return updated
  },
})

async function existing(tx: Transaction, id: string): Promise<UserRow> {
  const row = await findUser(tx, id)
  if (!row) throw new GantryError('not_found', `user ${id} not found`, { value: id })
  return row
}
