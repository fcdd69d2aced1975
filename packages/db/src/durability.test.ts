import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  countHoldings,
  deleteHolding,
  deleteOperation,
  findAuditHead,
  findLimits,
  insertOperation,
  insertProject,
  insertUser,
  isDuplicate,
  listHoldings,
  listOperations,
  lockProject,
  openDatabase,
  presentHoldings,
  readSetting,
  releaseHoldings,
  reserveHoldings,
  writeAuditHead,
  writeSetting,
} from './index.ts'
import { postgresServer } from './testing/postgres-server.ts'

const migrationsDir = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'gantry-db-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Commits without end and says each number once it is acknowledged. */
const script = `
  const { openDatabase, writeSetting } = await import(process.env.MODULE)
  const db = await openDatabase({ url: process.env.URL, migrationsDir: process.env.MIGRATIONS })
  for (let number = 1; ; number++) {
    await db.transaction(async (tx) => { await writeSetting(tx, 'first', number); await writeSetting(tx, 'second', number) })
    if (number % 50 === 0) await db.flush()
    process.stdout.write(number + '\\n')
  }`

it('has all that was acknowledged, and nothing by halves, when the process is killed', async () => {
  const url = `file:${join(folder, 'killed.db')}`
  const env = { ...process.env, MODULE: fileURLToPath(new URL('index.ts', import.meta.url)), URL: url, MIGRATIONS: migrationsDir }
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
    if (output.includes('120\n')) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const acknowledged = Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1))
  expect(acknowledged).toBeGreaterThanOrEqual(120)
  const db = await openDatabase({ url })
  const first = await readSetting(db.read, 'first')
  expect(first).toBe(await readSetting(db.read, 'second'))
  expect(first).toBeGreaterThanOrEqual(acknowledged)
  await db.close()
  const file = new Sqlite(join(folder, 'killed.db'))
  expect(file.pragma('integrity_check', { simple: true })).toBe('ok')
  file.close()
})

describe.each(['sqlite', 'postgresql'] as const)('plain statements on %s', (provider) => {
  let server: Awaited<ReturnType<typeof postgresServer>> | undefined
  let url = `file:${join(folder, 'plain.db')}`
  beforeAll(async () => {
    if (provider !== 'postgresql') return
    server = await postgresServer()
    url = server.url
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  it('say what Prisma would, in its transaction', async () => {
    const db = await openDatabase({ url, migrationsDir })
    const limits = { memoryBytes: 2 ** 40, containers: 3 }
    await db.transaction((tx) => insertProject(tx, { id: 'shop', name: 'Shop', limits }))
    expect([await findLimits(db.read, 'shop'), await findLimits(db.read, 'other')]).toEqual([limits, null])
    expect(await db.transaction(async (tx) => [await lockProject(tx, 'shop'), await lockProject(tx, 'other')])).toEqual([limits, null])

    const about = { verb: 'v', projectId: 'shop', actorId: null, actor: 'a', address: '', object: 'o', parameters: '{}' }
    const reservation = { projectId: 'shop', operationId: 'op', createdById: 'ann', kind: 'container' as const }
    await db.transaction(async (tx) => {
      await insertOperation(tx, { id: 'op', ...about })
      await reserveHoldings(tx, { ...reservation, keys: ['one', 'two'] })
      await presentHoldings(tx, { ...reservation, keys: ['one'], createdById: null })
      await presentHoldings(tx, { ...reservation, kind: 'volume', keys: ['data'], createdById: 'bob' })
      // Both see what the other has written in here.
      expect(await listHoldings(tx, { projectId: 'shop', kind: 'volume' })).toMatchObject([{ key: 'data', createdById: 'bob' }])
      expect(await countHoldings(tx, 'shop')).toEqual({ container: 2, volume: 1, image: 0 })
      expect(await releaseHoldings(tx, 'op')).toBe(1)
    })
    const [one] = await listHoldings(db.read, { projectId: 'shop', kind: 'container' })
    expect(one).toMatchObject({ key: 'one', state: 'present', operationId: null, createdById: 'ann' })
    expect(Math.abs(Date.now() - (one?.createdAt.getTime() ?? 0))).toBeLessThan(3_600_000)
    expect(await listOperations(db.read)).toMatchObject([{ id: 'op', ...about }])
    expect(await db.transaction((tx) => deleteOperation(tx, 'op'))).toBe(1)
    expect(await db.transaction((tx) => deleteHolding(tx, 'shop', 'container', 'one'))).toBe(1)
    await db.transaction(async (tx) => {
      await writeAuditHead(tx, { seq: 1, hash: 'h', seal: 's' })
      await writeAuditHead(tx, { seq: 2, hash: 'i', seal: 't' })
      expect(await findAuditHead(tx)).toEqual({ seq: 2, hash: 'i', seal: 't' })
    })
    await db.close()
  })

  it('undoes what both wrote, one transaction after the other', async () => {
    const db = await openDatabase({ url })
    const failing = db.transaction(async (tx) => {
      await writeSetting(tx, 'undone', 1)
      await presentHoldings(tx, { projectId: 'shop', kind: 'image', keys: ['gone'], createdById: null })
      throw new Error('no')
    })
    const counting = Array.from({ length: 20 }, () =>
      db.transaction(async (tx) => {
        await lockProject(tx, 'shop')
        await writeSetting(tx, 'count', Number((await readSetting(tx, 'count')) ?? 0) + 1)
      }),
    )
    await Promise.all([expect(failing).rejects.toThrow('no'), ...counting])
    expect(await readSetting(db.read, 'undone')).toBeUndefined()
    expect((await countHoldings(db.read, 'shop')).image).toBe(0)
    expect(await readSetting(db.read, 'count')).toBe(20)
    const user = { email: 'ann@example.org', name: 'Ann', passwordHash: '', hostAdmin: false }
    await db.transaction((tx) => insertUser(tx, user))
    // A refused row of Prisma's leaves the connection as good as it was.
    await expect(db.transaction((tx) => insertUser(tx, user))).rejects.toSatisfy(isDuplicate)
    await db.transaction((tx) => writeSetting(tx, 'after', true))
    await db.flush()
    expect(await readSetting(db.read, 'after')).toBe(true)
    await db.close()
  })
})
