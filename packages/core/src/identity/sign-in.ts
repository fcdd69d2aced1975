import { GantryError, type User, emailSchema } from '@gantry/contracts'
import { type UserRow, deleteSession, findUserByEmail, toUser, updateUser } from '@gantry/db'
import { z } from 'zod'
import { useCase } from '../use-case.ts'
import { verifyPassword } from './password.ts'
import { type NewSession, openSession } from './session.ts'

/** Opens a new session; one that the browser had before ends. */
export const signIn = useCase({
  verb: 'auth.signIn',
  permission: 'public',
  effect: 'database',
  input: z.strictObject({ email: emailSchema, password: z.string().max(256) }),
  object: ({ email }) => `user ${email}`,
  async run(scope, { email, password }): Promise<{ user: User; session: NewSession }> {
    const { backend, caller } = scope
    scope.actor = { id: null, name: email }
    await backend.signInDelay.check(email, caller.address)
    const row = await findUserByEmail(backend.db.read, email)
    const right = await verifyPassword(row?.passwordHash ?? null, password)
    if (!row || !right || row.disabled) {
      await backend.signInDelay.failed(email, caller.address)
      throw new GantryError('unauthenticated', 'wrong e-mail address or password')
    }
    await backend.signInDelay.succeeded(email)
    scope.actor = { id: row.id, name: row.email }
    return scope.commit(async (tx) => {
      if (caller.user && caller.sessionId) await deleteSession(tx, caller.user.id, caller.sessionId)
      const user: UserRow = await updateUser(tx, row.id, { lastSignInAt: backend.now() })
      return { user: toUser(user), session: await openSession(tx, row.id, caller, backend.now()) }
    })
  },
})
