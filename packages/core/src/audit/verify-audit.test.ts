import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { testBackend } from '../testing/index.ts'
import type { TestBackend } from '../testing/test-backend.ts'
import { currentAuditHead, verifyAudit } from './verify-audit.ts'

const key = Buffer.alloc(32, 7)

async function withEntries(count: number): Promise<TestBackend> {
  const test = await testBackend()
  for (let index = 1; index <= count; index += 1) {
    await test.backend.db.transaction((tx) =>
      test.backend.audit.append(tx, {
        actorId: 'u1',
        actor: 'ann@example.org',
        address: '10.0.0.1',
        projectId: 'shop',
        verb: 'container.start',
        object: `container ${index}`,
        parameters: '{}',
        outcome: 'success',
        error: null,
      }),
    )
  }
  return test
}

/** What somebody with the database file can do: triggers are no obstacle to them. */
function tamper({ file }: TestBackend, sql: string): void {
  const db = new Database(file)
  db.exec('DROP TRIGGER "AuditEntry_no_update"; DROP TRIGGER "AuditEntry_no_delete";')
  db.exec(sql)
  db.close()
}

it('finds nothing in a log that was left alone', async () => {
  await using test = await withEntries(5)
  const exportedHead = (await currentAuditHead(test.backend)) ?? undefined
  expect(exportedHead?.seq).toBe(5)
  expect(await verifyAudit({ db: test.backend.db, key, exportedHead })).toMatchObject({
    ok: true,
    entries: 5,
    headHash: exportedHead?.hash,
  })
})

it('finds nothing in an empty log', async () => {
  await using test = await testBackend()
  expect(await verifyAudit({ db: test.backend.db, key })).toMatchObject({ ok: true, entries: 0 })
})

it.each([
  [
    'an edit',
    `UPDATE "AuditEntry" SET outcome = 'denied' WHERE seq = 3`,
    [{ seq: 3, problem: 'was changed: its hash is not that of its content' }],
  ],
  ['a removal', 'DELETE FROM "AuditEntry" WHERE seq = 3', [{ seq: 4, problem: 'entry 3 is missing' }]],
  ['a removed start', 'DELETE FROM "AuditEntry" WHERE seq <= 2', [{ seq: 3, problem: 'entries 1 to 2 are missing' }]],
  ['a truncation', 'DELETE FROM "AuditEntry" WHERE seq > 3', [{ seq: 5, problem: 'the log ends at 3, its head says 5' }]],
  [
    'a truncation with a made-up head',
    `DELETE FROM "AuditEntry" WHERE seq > 3; UPDATE "AuditHead" SET seq = 3, hash = (SELECT hash FROM "AuditEntry" WHERE seq = 3)`,
    [{ seq: 3, problem: 'the head does not carry our seal' }],
  ],
  [
    'an entry made up at the end',
    `INSERT INTO "AuditEntry" SELECT 6, time, actorId, actor, address, projectId, verb, object, parameters, outcome, error, hash, 'x' FROM "AuditEntry" WHERE seq = 5`,
    [{ seq: 6 }, { seq: 6, problem: 'the log goes on to 6, its head says 5' }],
  ],
  [
    'a reordering',
    `UPDATE "AuditEntry" SET seq = 99 WHERE seq = 2; UPDATE "AuditEntry" SET seq = 2 WHERE seq = 3; UPDATE "AuditEntry" SET seq = 3 WHERE seq = 99`,
    [{ seq: 2 }, { seq: 2 }, { seq: 3 }, { seq: 3 }, { seq: 4 }],
  ],
])('finds %s', async (_what, sql, problems) => {
  await using test = await withEntries(5)
  tamper(test, sql)
  const result = await verifyAudit({ db: test.backend.db, key })
  expect(result.ok).toBe(false)
  expect(result.problems).toMatchObject(problems)
})

it('finds a whole older database in place of the newer one by the exported head', async () => {
  await using newer = await withEntries(5)
  const exportedHead = (await currentAuditHead(newer.backend)) ?? undefined
  await using older = await withEntries(3)
  expect((await verifyAudit({ db: older.backend.db, key })).ok).toBe(true)
  const result = await verifyAudit({ db: older.backend.db, key, exportedHead })
  expect(result.problems).toContainEqual({ seq: 5, problem: 'the log ends at 3, the exported head says 5' })
})

it('is not changed by the panel itself', async () => {
  await using test = await withEntries(1)
  const { db } = test.backend
  await expect(db.transaction((tx) => tx.auditEntry.update({ where: { seq: 1 }, data: { actor: 'nobody' } }))).rejects.toThrow()
  await expect(db.transaction((tx) => tx.auditEntry.deleteMany())).rejects.toThrow()
  expect(await verifyAudit({ db, key })).toMatchObject({ ok: true, entries: 1 })
})
