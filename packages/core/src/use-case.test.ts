import type { GantryError } from '@gantry/contracts'
import { listAuditEntries, listOperations, writeSetting, readSetting } from '@gantry/db'
import Sqlite from 'better-sqlite3'
import { expect, it } from 'vitest'
import { z } from 'zod'
import type { Caller } from './backend.ts'
import { startContainer } from './container/power-container.ts'
import { getHostPolicy, setHostPolicy } from './host/host-policy.ts'
import { projectFields } from './lib/project-input.ts'
import { getProject } from './project/projects.ts'
import { type TestBackend, testBackend } from './testing/index.ts'
import { useCase } from './use-case.ts'

const audit = async ({ backend }: TestBackend) => (await listAuditEntries(backend.db.read, 'all', {}, { limit: 100 })).reverse()
const stranger: Caller = { user: null, sessionId: null, address: '10.0.0.9', userAgent: '' }

it('answers for a foreign project word for word as for one that does not exist', async () => {
  await using test = await testBackend()
  const bob = await test.user('bob@example.org')
  await test.project('secret')
  const refusal = (projectId: string) =>
    getProject.execute(test.backend, bob, { projectId }).then(
      () => expect.fail('was not refused'),
      (error: GantryError) => error.toWire(),
    )
  const foreign = await refusal('secret')
  expect(foreign.code).toBe('not_found')
  const missing = await refusal('nowhere')
  expect(JSON.stringify(missing).replaceAll('nowhere', 'secret')).toBe(JSON.stringify(foreign))
})

it('writes denials down: too weak a role, and somebody else’s project', async () => {
  await using test = await testBackend()
  const bob = await test.user('bob@example.org')
  await test.project('shop', {}, { [bob.user.id]: 'viewer' })
  await test.project('secret')
  const start = (projectId: string) => startContainer.execute(test.backend, bob, { projectId, container: 'web' })
  await expect(start('shop')).rejects.toMatchObject({ code: 'forbidden' })
  await expect(start('secret')).rejects.toMatchObject({ code: 'not_found' })
  expect(test.agent.calls).toEqual([])
  expect(await audit(test)).toMatchObject([
    {
      verb: 'container.start',
      projectId: 'shop',
      object: 'container web',
      outcome: 'denied',
      error: expect.stringContaining('role viewer'),
    },
    { verb: 'container.start', projectId: 'secret', outcome: 'failed', error: 'not_found: project secret not found' },
  ])
})

it('costs the log nothing when strangers knock', async () => {
  await using test = await testBackend()
  await expect(startContainer.execute(test.backend, stranger, { projectId: 'shop', container: 'web' })).rejects.toMatchObject({
    code: 'unauthenticated',
  })
  expect(await audit(test)).toEqual([])
})

const setNote = (fail?: Error) =>
  useCase({
    verb: 'test.note',
    permission: 'account.own',
    effect: 'database',
    input: z.strictObject({ note: z.string() }),
    object: () => 'note',
    run: ({ commit }, { note }) =>
      commit(async (tx) => {
        await writeSetting(tx, 'note', note)
        if (fail) throw fail
        return note
      }),
  })

it('changes rows and log together or not at all', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await expect(setNote(new Error('no')).execute(test.backend, ann, { note: 'a' })).rejects.toThrow('no')
  expect(await readSetting(test.backend.db.read, 'note')).toBeUndefined()
  await setNote().execute(test.backend, ann, { note: 'b' })
  expect(await readSetting(test.backend.db.read, 'note')).toBe('b')
  expect(await audit(test)).toMatchObject([
    { verb: 'test.note', outcome: 'failed', error: 'internal: internal error' },
    { verb: 'test.note', outcome: 'success', parameters: '{"note":"b"}', error: null },
  ])
})

it('does not change rows when the audit entry cannot be written', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.backend.db.transaction(
    (tx) => tx.$executeRaw`CREATE TRIGGER "full" BEFORE INSERT ON "AuditEntry" BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
  )
  await expect(setNote().execute(test.backend, ann, { note: 'b' })).rejects.toThrow()
  expect(await readSetting(test.backend.db.read, 'note')).toBeUndefined()
  expect(test.logged).toMatchObject([{ message: 'a failed change could not be written to the audit log' }])
})

it('leaves the intent behind when what the agent did cannot be written down', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', {}, { [ann.user.id]: 'developer' })
  const { id } = test.agent.makeContainer('shop')
  test.agent.before = async () => {
    await test.backend.db.transaction(
      (tx) => tx.$executeRaw`CREATE TRIGGER IF NOT EXISTS "full" BEFORE INSERT ON "AuditEntry" BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
    )
  }
  await expect(startContainer.execute(test.backend, ann, { projectId: 'shop', container: id })).rejects.toThrow()
  expect(await listOperations(test.backend.db.read)).toMatchObject([
    { verb: 'container.start', actor: 'ann@example.org', projectId: 'shop' },
  ])
})

it('refuses to run a change of a project that names none', async () => {
  await using test = await testBackend()
  const admin = await test.user('root@example.org', { hostAdmin: true })
  const wild = useCase({
    verb: 'test.wild',
    permission: 'container.change',
    effect: 'agent',
    acrossProjects: true,
    input: z.object({ projectId: projectFields.projectId.optional() }),
    run: async () => expect.fail('must not run'),
  })
  await expect(wild.execute(test.backend, admin, {})).rejects.toMatchObject({ code: 'internal' })
})

it('says unavailable when another process keeps the database locked, and changes nothing', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  const other = new Sqlite(test.file)
  other.exec('BEGIN IMMEDIATE')
  await expect(setNote().execute(test.backend, ann, { note: 'b' })).rejects.toMatchObject({ code: 'unavailable' })
  other.exec('ROLLBACK')
  other.close()
  expect(await readSetting(test.backend.db.read, 'note')).toBeUndefined()
})

it('has changes of rights on the disk before it says so, and does not wait for it with what the agent keeps', async () => {
  await using test = await testBackend()
  const root = await test.user('root@example.org', { hostAdmin: true })
  await test.project('shop')
  let flushed = 0
  const backend = {
    ...test.backend,
    db: {
      ...test.backend.db,
      flush: async () => {
        flushed += 1
        await test.backend.db.flush()
      },
    },
  }
  const { id } = test.agent.makeContainer('shop')
  await startContainer.execute(backend, root, { projectId: 'shop', container: id })
  expect(flushed).toBe(0)
  await setHostPolicy.execute(backend, root, await getHostPolicy.execute(backend, root, undefined))
  expect(flushed).toBe(1)
})
