import { GantryError, type User, passwordSchema } from '@gantry/contracts'
import { deleteSessionsOf, findUser, toUser, updateUser } from '@gantry/db'
import { z } from 'zod'
import { useCase } from '../use-case.ts'
import { hashPassword, verifyPassword } from './password.ts'
import { type NewSession, openSession } from './session.ts'

/** Changes the caller's own password. All sessions end; the caller gets a new one. */
export const changePassword = useCase({
  verb: 'auth.changePassword',
  permission: 'account.own',
  effect: 'database',
  input: z.strictObject({ currentPassword: z.string().max(256), newPassword: passwordSchema }),
  object: () => 'own password',
  async run({ backend, caller, user, commit }, { currentPassword, newPassword }): Promise<{ user: User; session: NewSession }> {
    await backend.signInDelay.check(user.email, caller.address)
    const row = await findUser(backend.db.read, user.id)
    if (!(await verifyPassword(row?.passwordHash ?? null, currentPassword))) {
      await backend.signInDelay.failed(user.email, caller.address)
      throw new GantryError('forbidden', 'the current password is wrong', { field: 'currentPassword' })
    }
    const passwordHash = await hashPassword(newPassword)
    const changed = await commit(async (tx) => {
      await deleteSessionsOf(tx, user.id)
      const updated = await updateUser(tx, user.id, { passwordHash })
      return { user: toUser(updated), session: await openSession(tx, user.id, caller, backend.now()) }
    })
    backend.access.changed(user.id)
    return changed
  },
})
