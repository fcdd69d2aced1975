import { GantryError, type SignInSession } from '@gantry/contracts'
import { deleteSession, listSessions as findSessions } from '@gantry/db'
import { z } from 'zod'
import { useCase } from '../use-case.ts'
import { isLive } from './session-life.ts'

/** The caller's own sessions. */
export const listSessions = useCase({
  verb: 'auth.sessions',
  permission: 'account.own',
  effect: 'read',
  input: z.void(),
  async run({ backend, caller, user }): Promise<SignInSession[]> {
    const rows = await findSessions(backend.db.read, user.id)
    return rows
      .filter((row) => isLive(row, backend.now()))
      .map(({ id, address, userAgent, createdAt, lastSeenAt, expiresAt }) => ({
        id,
        address,
        userAgent,
        createdAt: createdAt.toISOString(),
        lastSeenAt: lastSeenAt.toISOString(),
        expiresAt: expiresAt.toISOString(),
        current: id === caller.sessionId,
      }))
  },
})

export const revokeSession = useCase({
  verb: 'auth.revokeSession',
  permission: 'account.own',
  effect: 'database',
  input: z.strictObject({ id: z.string().max(64) }),
  object: ({ id }) => `session ${id}`,
  async run({ backend, user, commit }, { id }): Promise<{ id: string }> {
    await commit(async (tx) => {
      const { count } = await deleteSession(tx, user.id, id)
      if (count === 0) throw new GantryError('not_found', `session ${id} not found`)
    })
    backend.access.changed(user.id)
    return { id }
  },
})

export const signOut = useCase({
  verb: 'auth.signOut',
  permission: 'account.own',
  effect: 'database',
  input: z.void(),
  object: () => 'own session',
  async run({ backend, caller, user, commit }): Promise<Record<string, never>> {
    await commit(async (tx) => caller.sessionId && deleteSession(tx, user.id, caller.sessionId))
    backend.access.changed(user.id)
    return {}
  },
})
