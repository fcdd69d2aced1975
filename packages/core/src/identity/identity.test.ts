import { GantryError } from '@gantry/contracts'
import { findUserByEmail, listAuditEntries } from '@gantry/db'
import { expect, it } from 'vitest'
import type { Caller } from '../backend.ts'
import { type TestBackend, testBackend } from '../testing/index.ts'
import { createUser, updateUser } from '../user/users.ts'
import { authStatus } from './auth-status.ts'
import { changePassword } from './change-password.ts'
import { hashToken, identify } from './session.ts'
import { listSessions, revokeSession, signOut } from './sessions.ts'
import { setUp, setUpFromEnvironment } from './set-up.ts'
import { signIn } from './sign-in.ts'

const browser: Caller = { user: null, sessionId: null, address: '10.0.0.1', userAgent: 'test' }
const password = 'correct horse battery'
const admin = { email: 'Root@Example.org', name: 'Root', password }

async function setUpAdmin(test: TestBackend) {
  test.backend.setupCode.issue()
  return setUp.execute(test.backend, browser, { ...admin, code: test.setupCodes[0] })
}
const who = ({ backend }: TestBackend, token: string) => identify(backend, token, browser)

it('makes the first administrator with the code from the console, once', async () => {
  await using test = await testBackend()
  expect(await authStatus.execute(test.backend, browser, undefined)).toEqual({ needsSetup: true, user: null })
  test.backend.setupCode.issue()
  await expect(setUp.execute(test.backend, browser, { ...admin, code: 'WRON-GCOD-EEEE' })).rejects.toMatchObject({ code: 'forbidden' })
  const code = test.setupCodes[0]?.toLowerCase().replaceAll('-', ' ')
  const { user, session } = await setUp.execute(test.backend, browser, { ...admin, code })
  expect(user).toMatchObject({ email: 'root@example.org', hostAdmin: true })
  expect(test.agent.projects.has('default')).toBe(true)
  expect((await who(test, session.token)).user?.email).toBe('root@example.org')
  expect(await authStatus.execute(test.backend, browser, undefined)).toEqual({ needsSetup: false, user: null })
  await expect(setUp.execute(test.backend, browser, { ...admin, code: test.setupCodes[0] })).rejects.toBeInstanceOf(GantryError)
})

it('shows a new code when too many wrong ones were tried', async () => {
  await using test = await testBackend()
  const { setupCode } = test.backend
  setupCode.issue()
  const first = test.setupCodes[0] ?? ''
  for (let attempt = 0; attempt < 20; attempt += 1) expect(setupCode.matches('AAAA-AAAA-AAAA')).toBe(false)
  expect(test.setupCodes).toHaveLength(2)
  expect(setupCode.matches(first)).toBe(false)
  expect(setupCode.matches(test.setupCodes[1] ?? '')).toBe(true)
})

it('makes it from the environment when there is nobody yet', async () => {
  await using test = await testBackend()
  expect(await setUpFromEnvironment(test.backend, admin)).toBe(true)
  expect(await setUpFromEnvironment(test.backend, { ...admin, email: 'other@example.org' })).toBe(false)
  expect((await signIn.execute(test.backend, browser, admin && { email: admin.email, password })).user.hostAdmin).toBe(true)
})

it('keeps neither password nor token in the database', async () => {
  await using test = await testBackend()
  const { session } = await setUpAdmin(test)
  const row = await findUserByEmail(test.backend.db.read, 'root@example.org')
  expect(row?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  const sessions = await test.backend.db.read.session.findMany()
  expect(sessions).toMatchObject([{ tokenHash: hashToken(session.token) }])
  expect(JSON.stringify(sessions)).not.toContain(session.token)
  expect(Buffer.from(session.token, 'base64url')).toHaveLength(32)
})

it('gives wrong password, unknown and disabled user the same answer', async () => {
  await using test = await testBackend()
  const { session } = await setUpAdmin(test)
  const root = await who(test, session.token)
  const eve = await createUser.execute(test.backend, root, { email: 'eve@example.org', name: 'Eve', password })
  await updateUser.execute(test.backend, root, { id: eve.id, disabled: true })
  const attempt = (email: string, secret: string) =>
    signIn.execute(test.backend, browser, { email, password: secret }).then(
      () => expect.fail('was not refused'),
      (error: GantryError) => error.toWire(),
    )
  const wrong = await attempt('root@example.org', 'wrong password')
  expect(wrong.code).toBe('unauthenticated')
  expect(await attempt('nobody@example.org', password)).toEqual(wrong)
  expect(await attempt('eve@example.org', password)).toEqual(wrong)
})

it('makes guessing slow, for the account and not for others, and says how long', async () => {
  await using test = await testBackend()
  const { session } = await setUpAdmin(test)
  const root = await who(test, session.token)
  await createUser.execute(test.backend, root, { email: 'bob@example.org', name: 'Bob', password })
  const attempt = (email: string, secret: string) => signIn.execute(test.backend, browser, { email, password: secret })
  for (let count = 0; count < 5; count += 1)
    await expect(attempt('root@example.org', 'wrong')).rejects.toMatchObject({ code: 'unauthenticated' })
  await expect(attempt('root@example.org', password)).rejects.toMatchObject({
    code: 'rate_limited',
    detail: { remedy: expect.stringMatching(/^try again in \d+ s$/) },
  })
  expect((await attempt('bob@example.org', password)).user.email).toBe('bob@example.org')
  const failures = await listAuditEntries(test.backend.db.read, 'all', { verb: 'auth.signIn', outcome: 'denied' }, { limit: 100 })
  expect(failures).toHaveLength(5)
  expect(failures[0]).toMatchObject({ actor: 'root@example.org', address: '10.0.0.1' })
})

it('opens a new session at every sign-in and ends the one before', async () => {
  await using test = await testBackend()
  const first = (await setUpAdmin(test)).session.token
  const caller = await who(test, first)
  const second = (await signIn.execute(test.backend, caller, { email: admin.email, password })).session.token
  expect(second).not.toBe(first)
  expect((await who(test, first)).user).toBeNull()
  expect((await who(test, second)).user).not.toBeNull()
})

it('ends sessions that are idle, old, revoked or signed out', async () => {
  await using test = await testBackend()
  const { user, session } = await setUpAdmin(test)
  test.advance(11 * 3_600_000)
  expect((await who(test, session.token)).user).not.toBeNull()
  test.advance(11 * 3_600_000)
  expect((await who(test, session.token)).user).not.toBeNull()
  test.advance(12 * 3_600_000)
  expect((await who(test, session.token)).user).toBeNull()

  const { token, caller } = await test.session(user.id)
  for (let hours = 0; hours < 7 * 24 - 8; hours += 8) {
    test.advance(8 * 3_600_000)
    expect((await who(test, token)).user).not.toBeNull()
  }
  test.advance(8 * 3_600_000)
  expect((await who(test, token)).user).toBeNull()

  const mine = await test.session(user.id)
  const other = await test.session(user.id)
  await revokeSession.execute(test.backend, mine.caller, { id: other.caller.sessionId })
  expect((await who(test, other.token)).user).toBeNull()
  await expect(revokeSession.execute(test.backend, mine.caller, { id: 'unknown' })).rejects.toMatchObject({ code: 'not_found' })
  expect(await listSessions.execute(test.backend, mine.caller, undefined)).toMatchObject([{ id: mine.caller.sessionId, current: true }])
  await signOut.execute(test.backend, mine.caller, undefined)
  expect((await who(test, mine.token)).user).toBeNull()
  expect(caller.user.id).toBe(user.id)
})

it('ends all sessions when the password changes and gives the caller a new one', async () => {
  await using test = await testBackend()
  const { user, session } = await setUpAdmin(test)
  const other = await test.session(user.id)
  const caller = await who(test, session.token)
  const change = (currentPassword: string) =>
    changePassword.execute(test.backend, caller, { currentPassword, newPassword: 'another long password' })
  await expect(change('wrong')).rejects.toMatchObject({ code: 'forbidden', detail: { field: 'currentPassword' } })
  const changed = await change(password)
  expect((await who(test, other.token)).user).toBeNull()
  expect((await who(test, session.token)).user).toBeNull()
  expect((await who(test, changed.session.token)).user).not.toBeNull()
  await expect(signIn.execute(test.backend, browser, { email: admin.email, password })).rejects.toMatchObject({ code: 'unauthenticated' })
})

it('ends the sessions of a user whose rights change, and keeps the last host administrator', async () => {
  await using test = await testBackend()
  const { session } = await setUpAdmin(test)
  const root = await who(test, session.token)
  const bob = await test.user('bob@example.org')
  const { token } = await test.session(bob.user.id)
  await updateUser.execute(test.backend, root, { id: bob.user.id, hostAdmin: true })
  expect((await who(test, token)).user).toBeNull()
  await updateUser.execute(test.backend, root, { id: bob.user.id, hostAdmin: false })
  const self = { id: root.user?.id, hostAdmin: false }
  await expect(updateUser.execute(test.backend, root, self)).rejects.toMatchObject({
    code: 'wrong_state',
    message: 'root@example.org is the last host administrator',
  })
  expect((await who(test, session.token)).user?.hostAdmin).toBe(true)
})
