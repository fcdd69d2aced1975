import { createHash, randomBytes } from 'node:crypto'
import { type Transaction, findSession, insertSession, toUser, touchSession } from '@gantry/db'
import type { Backend, Caller } from '../backend.ts'
import { isLive, sessionLifeMs, sessionTouchMs } from './session-life.ts'

/** A session as its cookie carries it. The token is known to the browser alone; the database holds its hash. */
export interface NewSession {
  token: string
  expiresAt: Date
}

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Opens a session for `userId` in the caller's transaction. */
export async function openSession(
  tx: Transaction,
  userId: string,
  { address, userAgent }: Pick<Caller, 'address' | 'userAgent'>,
  now: Date,
): Promise<NewSession> {
  const token = randomBytes(32).toString('base64url')
  const expiresAt = new Date(now.getTime() + sessionLifeMs)
  const life = { createdAt: now, lastSeenAt: now, expiresAt }
  await insertSession(tx, { tokenHash: hashToken(token), userId, address, userAgent: userAgent.slice(0, 200), ...life })
  return { token, expiresAt }
}

/** Who the cookie's token stands for; nobody when it is unknown, has ended, or the user is disabled. */
export async function identify(
  backend: Backend,
  token: string | undefined,
  { address, userAgent }: Pick<Caller, 'address' | 'userAgent'>,
): Promise<Caller> {
  const nobody: Caller = { user: null, sessionId: null, address, userAgent }
  if (!token) return nobody
  const now = backend.now()
  const session = await findSession(backend.db.read, hashToken(token))
  if (!session || session.user.disabled || !isLive(session, now)) return nobody
  if (now.getTime() - session.lastSeenAt.getTime() > sessionTouchMs) await touch(backend, session.id, now)
  return { user: toUser(session.user), sessionId: session.id, address, userAgent }
}

/** A session that could not be touched is still a session. */
async function touch(backend: Backend, id: string, now: Date): Promise<void> {
  await backend.db
    .transaction((tx) => touchSession(tx, id, now))
    .catch((error: unknown) => backend.log.warn('the use of a session could not be written down', { error }))
}
