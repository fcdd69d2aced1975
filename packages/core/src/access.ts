import { EventEmitter } from 'node:events'
import { GantryError, type Role, type User } from '@gantry/contracts'
import { findLimits, findRole, findSessionById, listMemberships, listProjects, toUser } from '@gantry/db'
import type { Backend, Caller, SignedIn } from './backend.ts'
import { renewCredential } from './identity/credential.ts'
import { isLive } from './identity/session-life.ts'
import { type Permission, isProjectPermission, permissions, roleAllows } from './policy/permissions.ts'

/** What authorisation found: `user` is null only for public use cases, `role` only where no single project is meant. */
export interface Grant {
  user: User | null
  role: Role | null
}

/**
 * Decides whether `caller` may do what asks for `permission` in `projectId`. A project the caller is no member of is
 * `not_found`, word for word as one that does not exist.
 */
export async function authorise(backend: Backend, caller: Caller, permission: Permission, projectId?: string): Promise<Grant> {
  const requirement = permissions[permission]
  if (requirement === 'public') return { user: caller.user, role: null }
  const { user, credential } = caller
  if (!user) throw new GantryError('unauthenticated', 'not signed in', { remedy: 'sign in and try again' })
  if (credential?.kind === 'token' && !isProjectPermission(permission) && permission !== 'host.view') {
    throw new GantryError('forbidden', `${permission} is not for tokens of a project`, { remedy: 'sign in to the panel' })
  }
  if (requirement === 'hostAdmin' && !user.hostAdmin) {
    throw new GantryError('forbidden', `${permission} is for host administrators`, { remedy: 'ask a host administrator' })
  }
  if (!isProjectPermission(permission) || projectId === undefined) return { user, role: null }
  const role = await projectRole(backend, caller, user, projectId)
  if (!role) throw new GantryError('not_found', `project ${projectId} not found`, { value: projectId })
  if (!roleAllows(role, permission)) {
    throw new GantryError('forbidden', `role ${role} in project ${projectId} does not allow ${permission}`, {
      value: role,
      remedy: `ask an administrator of the project for the role ${permissions[permission]}`,
    })
  }
  return { user, role }
}

async function projectRole({ db }: Backend, { credential }: Caller, user: User, projectId: string): Promise<Role | null> {
  if (credential?.kind === 'token') return credential.projectId === projectId ? credential.role : null
  if (!user.hostAdmin) return findRole(db.read, projectId, user.id)
  // A host administrator may do everything in every project, so all there is to know is that it exists.
  return (await findLimits(db.read, projectId)) ? 'admin' : null
}

/** Projects the user can see, with the role there. */
export async function visibleProjects({ db }: Backend, user: User) {
  if (!user.hostAdmin) return listMemberships(db.read, user.id)
  return (await listProjects(db.read)).map((project) => ({ project, role: 'admin' as Role }))
}

/** Tells those who hold something open (terminals, subscriptions) that a user's rights may have changed. */
export class AccessWatch {
  readonly #events = new EventEmitter().setMaxListeners(0)

  /** Rights of one user, or of all, may have changed. */
  changed(userId: string | 'all'): void {
    this.#events.emit('changed', userId)
  }

  onChange(listener: (userId: string) => void): () => void {
    this.#events.on('changed', listener)
    return () => this.#events.off('changed', listener)
  }
}

const recheckMs = 60_000

/**
 * Asks again whenever the caller's rights may have changed, and every minute for sessions that expire, and calls `onLost`
 * once with the reason when the right is gone. Returns the function that stops it.
 */
export function watchAccess(
  backend: Backend,
  caller: SignedIn,
  asked: { permission: Permission; projectId?: string },
  onLost: (reason: GantryError) => void,
): () => void {
  let lost = false
  const check = async () => {
    const reason = await lossOf(backend, caller, asked)
    if (!reason || lost) return
    stop()
    onLost(reason)
  }
  const recheck = () => void check().catch((error: unknown) => backend.log.warn('rights of an open stream could not be checked', { error }))
  const unlisten = backend.access.onChange((userId) => {
    if (userId === 'all' || userId === caller.user.id) recheck()
  })
  const timer = setInterval(recheck, recheckMs)
  timer.unref()
  const stop = () => {
    lost = true
    unlisten()
    clearInterval(timer)
  }
  return stop
}

async function lossOf(
  backend: Backend,
  caller: SignedIn,
  { permission, projectId }: { permission: Permission; projectId?: string },
): Promise<GantryError | null> {
  const now = await recognisedAgain(backend, caller)
  if (!now) return new GantryError('unauthenticated', 'the session has ended', { remedy: 'sign in again' })
  try {
    await authorise(backend, now, permission, projectId)
    return null
  } catch (error) {
    if (error instanceof GantryError) return error
    throw error
  }
}

/** The caller as a new request of theirs would find them; null when session or token have ended. */
async function recognisedAgain(backend: Backend, caller: SignedIn): Promise<Caller | null> {
  const { credential, sessionId } = caller
  if (credential) return renewCredential(backend, caller, credential)
  const session = sessionId === null ? null : await findSessionById(backend.db.read, sessionId)
  if (!session || session.user.disabled || !isLive(session, backend.now())) return null
  return { ...caller, user: toUser(session.user) }
}
