import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProjectLimits, Role, User } from '@gantry/contracts'
import { insertMembership, insertProject, insertUser, openDatabase, toUser } from '@gantry/db'
import type { Backend, SignedIn } from '../backend.ts'
import { composeBackend } from '../create-backend.ts'
import { identify, openSession } from '../identity/session.ts'
import { RecordingAgent } from './recording-agent.ts'

export const migrationsDir = fileURLToPath(new URL('../../../../prisma/migrations', import.meta.url))

export interface TestBackend extends AsyncDisposable {
  backend: Backend
  agent: RecordingAgent
  /** Path of the SQLite file. */
  file: string
  setupCodes: string[]
  logged: { message: string; fields?: object }[]
  /** Moves the backend's clock. */
  advance(ms: number): void
  user(email: string, rights?: { hostAdmin?: boolean }): Promise<SignedIn>
  project(id: string, limits?: ProjectLimits, members?: Record<string, Role>): Promise<void>
  /** The caller as a new request of the same session would find it. */
  session(userId: string): Promise<{ token: string; caller: SignedIn }>
}

/** A backend on a real database in a folder of its own, with an agent that only remembers. */
export async function testBackend(databaseUrl?: string): Promise<TestBackend> {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-core-'))
  const file = join(folder, 'gantry.db')
  const db = await openDatabase({ url: databaseUrl ?? `file:${file}`, migrationsDir, busyTimeoutMs: 500 })
  const agent = new RecordingAgent()
  const setupCodes: string[] = []
  const logged: TestBackend['logged'] = []
  const keep = (message: string, fields?: object) => void logged.push({ message, fields })
  let offsetMs = 0
  const backend = composeBackend({
    db,
    agent,
    auditKey: Buffer.alloc(32, 7),
    log: { info: keep, warn: keep, error: keep },
    showSetupCode: (code) => setupCodes.push(code),
    now: () => new Date(Date.now() + offsetMs),
  })
  const session = async (userId: string) => {
    const { token } = await db.transaction((tx) => openSession(tx, userId, { address: '10.0.0.1', userAgent: 'test' }, backend.now()))
    const caller = await identify(backend, token, { address: '10.0.0.1', userAgent: 'test' })
    return { token, caller: caller as SignedIn }
  }
  return {
    backend,
    agent,
    file,
    setupCodes,
    logged,
    session,
    advance(ms) {
      offsetMs += ms
    },
    async user(email, { hostAdmin = false } = {}) {
      const user: User = toUser(await db.transaction((tx) => insertUser(tx, { email, name: email, passwordHash: '', hostAdmin })))
      return (await session(user.id)).caller
    },
    async project(id, limits = {}, members = {}) {
      await db.transaction(async (tx) => {
        await insertProject(tx, { id, name: id, limits })
        for (const [userId, role] of Object.entries(members)) await insertMembership(tx, id, userId, role)
      })
      agent.projects.set(id, {})
    },
    async [Symbol.asyncDispose]() {
      await db.close()
      rmSync(folder, { recursive: true })
    },
  }
}
