import { DEFAULT_PROJECT, type Role, type User, roles } from '@gantry/contracts'
import { findProject, findRole, findTokenByHash, findTokenById, findTokenByName, insertProject, touchToken } from '@gantry/db'
import type { Backend, Caller, SignedIn } from '../backend.ts'
import { hashToken } from './session.ts'

/** What lets somebody in who has no session: the socket that only root can open, or a project's token. */
export type Credential = { kind: 'local' } | { kind: 'token'; id: string; projectId: string; role: Role }

/** Whoever may open the machine's own socket: not in the database, so that it works before anybody has set the panel up. */
const localAdministrator: User = {
  id: 'local:root',
  email: 'root on this host',
  name: 'root on this host',
  hostAdmin: true,
  disabled: false,
  createdAt: new Date(0).toISOString(),
  lastSignInAt: null,
}

type From = Pick<Caller, 'address' | 'userAgent'>
type TokenRow = NonNullable<Awaited<ReturnType<typeof findTokenByHash>>>

/** Root on this machine, as the audit log names it. */
export function localCaller(userAgent: string): SignedIn {
  return { user: localAdministrator, sessionId: null, address: 'local socket', userAgent, credential: { kind: 'local' } }
}

/** Who a project's token stands for; null when it is unknown, has expired, or its maker has lost the right to it. */
export async function identifyToken(backend: Backend, token: string, from: From): Promise<SignedIn | null> {
  return toCaller(backend, await findTokenByHash(backend.db.read, hashToken(token)), from)
}

/** The same for a token that something else than its secret stands for: a client certificate. */
export async function identifyTokenByName(
  backend: Backend,
  named: { projectId: string; name: string },
  from: From,
): Promise<SignedIn | null> {
  return toCaller(backend, await findTokenByName(backend.db.read, named.projectId, named.name), from)
}

/** The caller as the credential is now; null when it is no longer good. */
export async function renewCredential(backend: Backend, caller: SignedIn, credential: Credential): Promise<Caller | null> {
  if (credential.kind === 'local') return caller
  return toCaller(backend, await findTokenById(backend.db.read, credential.id), caller)
}

const touchMs = 60_000

async function toCaller(backend: Backend, row: TokenRow | null, { address, userAgent }: From): Promise<SignedIn | null> {
  const now = backend.now()
  if (!row || (row.expiresAt !== null && row.expiresAt <= now)) return null
  const role = await effectiveRole(backend, row)
  if (!role) return null
  if (row.lastUsedAt === null || now.getTime() - row.lastUsedAt.getTime() > touchMs) await touch(backend, row.id, now)
  const { id, projectId, name } = row
  const label = `token ${name} of project ${projectId}`
  const user: User = { ...localAdministrator, id: `token:${id}`, email: label, name: label, hostAdmin: false }
  return { user, sessionId: null, address, userAgent, credential: { kind: 'token', id, projectId, role } }
}

/** The weaker of the token's role and its maker's, as that is now. */
async function effectiveRole({ db }: Backend, { role, projectId, user }: TokenRow): Promise<Role | null> {
  // An unknown word in the database counts as the weakest.
  const own = roles.find((known) => known === role) ?? 'viewer'
  if (!user) return own
  if (user.disabled) return null
  if (user.hostAdmin) return own
  const makers = await findRole(db.read, projectId, user.id)
  return makers && (roles.indexOf(makers) < roles.indexOf(own) ? makers : own)
}

/** A token whose use could not be written down is still a token. */
async function touch(backend: Backend, id: string, now: Date): Promise<void> {
  await backend.db
    .transaction((tx) => touchToken(tx, id, now))
    .catch((error: unknown) => backend.log.warn('the use of a token could not be written down', { error }))
}

/** The local administrator's project, which the panel's set-up would make later. */
export async function ensureDefaultProject({ db }: Pick<Backend, 'db'>): Promise<void> {
  if (await findProject(db.read, DEFAULT_PROJECT)) return
  await db.transaction(async (tx) => {
    if (!(await findProject(tx, DEFAULT_PROJECT))) await insertProject(tx, { id: DEFAULT_PROJECT, name: 'Default', limits: {} })
  })
}
