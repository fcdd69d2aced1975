import { DEFAULT_PROJECT, type Role, type User } from '@gantry/contracts'
import { findProject, insertProject } from '@gantry/db'
import type { Backend, Caller, SignedIn } from '../backend.ts'

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

/** Root on this machine, as the audit log names it. */
export function localCaller(userAgent: string): SignedIn {
  return { user: localAdministrator, sessionId: null, address: 'local socket', userAgent, credential: { kind: 'local' } }
}

/** The caller as the credential is now; null when it is no longer good. */
export async function renewCredential(_backend: Backend, caller: SignedIn, credential: Credential): Promise<Caller | null> {
  if (credential.kind === 'local') return caller
  return null
}

/** The local administrator's project, which the panel's set-up would make later. */
export async function ensureDefaultProject({ db }: Pick<Backend, 'db'>): Promise<void> {
  if (await findProject(db.read, DEFAULT_PROJECT)) return
  await db.transaction(async (tx) => {
    if (!(await findProject(tx, DEFAULT_PROJECT))) await insertProject(tx, { id: DEFAULT_PROJECT, name: 'Default', limits: {} })
  })
}
