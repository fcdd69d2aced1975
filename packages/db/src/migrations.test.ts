import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { PGlite } from '@electric-sql/pglite'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaPg } from '@prisma/adapter-pg'
import { type SqlMigrationAwareDriverAdapterFactory, bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertAuditEntry, insertProject, isDuplicate, listProjects, lockProject, openDatabase, readAuditChain, toLimits } from './index.ts'
import { postgresServer } from './testing/postgres-server.ts'

type Provider = 'sqlite' | 'postgresql'
const require = createRequire(import.meta.url)
const prismaDir = fileURLToPath(new URL('../../../prisma', import.meta.url))

/** All migrations of the provider, as they are applied to an empty database. */
function migrations(provider: Provider): string {
  const folder = join(prismaDir, 'migrations', provider)
  const names = readdirSync(folder).filter((name) => /^\d/.test(name))
  return names
    .sort()
    .map((name) => readFileSync(join(folder, name, 'migration.sql'), 'utf8'))
    .join('\n')
}

/** What Prisma itself would run on an empty database to get the schema: its schema engine, as WebAssembly. */
async function schemaAsSql(provider: Provider, factory: SqlMigrationAwareDriverAdapterFactory): Promise<string> {
  const engine = await startEngine(factory)
  const schema = readFileSync(join(prismaDir, 'schema.prisma'), 'utf8').replace('provider = "sqlite"', `provider = "${provider}"`)
  const { stdout } = await engine.diff({
    from: { tag: 'empty' },
    to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: schema }] },
    script: true,
    exitCode: true,
    filters: { externalTables: [], externalEnums: [] },
    shadowDatabaseUrl: null,
  })
  return stdout ?? ''
}

interface Engine {
  diff(input: object): Promise<{ stdout: string | null }>
}
/** Of WebAssembly, which node has and its types leave to the DOM's. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: { __wbindgen_start(): void } }
}

interface EngineModule {
  SchemaEngine: { new: (options: object, log: () => void, adapter: object) => Promise<Engine> }
}
let loaded: Promise<EngineModule> | undefined

async function startEngine(factory: SqlMigrationAwareDriverAdapterFactory): Promise<Engine> {
  loaded ??= loadEngine()
  const { SchemaEngine } = await loaded
  return SchemaEngine.new({ datamodels: undefined }, () => undefined, bindMigrationAwareSqlAdapterFactory(factory))
}

/** Once per process: its glue keeps one instance. */
async function loadEngine(): Promise<EngineModule> {
  const folder = dirname(require.resolve('@prisma/schema-engine-wasm'))
  const glue = await import(pathToFileURL(join(folder, 'schema_engine_bg.js')).href)
  const module = new WebAssembly.Module(readFileSync(join(folder, 'schema_engine_bg.wasm')))
  const { exports } = new WebAssembly.Instance(module, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(exports)
  exports.__wbindgen_start()
  return glue
}

/** Tables, columns, keys and indexes of a SQLite database made by `sql`. */
function sqliteShape(sql: string): unknown {
  const db = new Sqlite(':memory:')
  db.exec(sql)
  const tables = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .pluck()
    .all() as string[]
  const shape = tables.map((table) => ({
    table,
    columns: db.pragma(`table_info("${table}")`),
    foreignKeys: db.pragma(`foreign_key_list("${table}")`),
    indexes: (db.pragma(`index_list("${table}")`) as { name: string; unique: number }[])
      .map(({ name, unique }) => ({ name, unique, columns: db.pragma(`index_info("${name}")`) }))
      .sort((a, b) => a.name.localeCompare(b.name)),
  }))
  db.close()
  return shape
}

/** The same of PostgreSQL, in a schema of its own. */
async function postgresShape(db: PGlite, schema: string, sql: string): Promise<unknown> {
  await db.exec(`CREATE SCHEMA ${schema}; SET search_path TO ${schema}; ${sql}`)
  const rows = async (query: string) => {
    const text = JSON.stringify((await db.query(query, [schema])).rows)
    return JSON.parse(text.replaceAll(`${schema}.`, ''))
  }
  return {
    columns: await rows(`SELECT table_name, column_name, data_type, datetime_precision, is_nullable, column_default
      FROM information_schema.columns WHERE table_schema = $1 ORDER BY table_name, column_name`),
    indexes: await rows('SELECT indexdef FROM pg_indexes WHERE schemaname = $1 ORDER BY indexname'),
    constraints: await rows(`SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
      WHERE connamespace = $1::regnamespace AND contype IN ('p', 'f', 'u') ORDER BY conname`),
  }
}

it('makes of SQLite what the schema says', async () => {
  const expected = await schemaAsSql('sqlite', new PrismaBetterSqlite3({ url: ':memory:' }))
  expect(expected).toContain('CREATE TABLE "AuditEntry"')
  expect(sqliteShape(migrations('sqlite'))).toEqual(sqliteShape(expected))
})

describe('PostgreSQL', () => {
  let server: Awaited<ReturnType<typeof postgresServer>>
  beforeAll(async () => {
    server = await postgresServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  it('becomes what the schema says', async () => {
    const expected = await schemaAsSql('postgresql', new PrismaPg({ connectionString: server.url, max: 1 }))
    expect(expected).toContain('CREATE TABLE "AuditEntry"')
    const ours = await postgresShape(server.db, 'ours', migrations('postgresql'))
    expect(ours).toEqual(await postgresShape(server.db, 'theirs', expected))
    await server.db.exec('SET search_path TO public')
  })

  it('is migrated once, commits and rolls back, and keeps the audit log', async () => {
    const options = { url: server.url, migrationsDir: join(prismaDir, 'migrations') }
    await (await openDatabase(options)).close()
    const db = await openDatabase(options)
    const limits = { nanoCpus: 500_000_000, memoryBytes: 2 ** 40, containers: 3 }
    await db.transaction((tx) => insertProject(tx, { id: 'shop', name: 'Shop', limits }))
    const failing = db.transaction(async (tx) => {
      await lockProject(tx, 'shop')
      await insertProject(tx, { id: 'other', name: 'Other', limits: {} })
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect((await listProjects(db.read)).map((row) => [row.id, toLimits(row)])).toEqual([['shop', limits]])
    const twice = db.transaction((tx) => insertProject(tx, { id: 'shop', name: 'Again', limits: {} }))
    await expect(twice).rejects.toSatisfy(isDuplicate)
    const entry = { seq: 1, time: '', actorId: null, actor: '', address: '', projectId: null, verb: 'x', object: '', parameters: '' }
    await db.transaction((tx) => insertAuditEntry(tx, { ...entry, outcome: 'success', error: null, prevHash: '', hash: '' }))
    await expect(db.transaction((tx) => tx.auditEntry.deleteMany())).rejects.toThrow()
    await expect(db.transaction((tx) => tx.auditEntry.updateMany({ data: { actor: 'x' } }))).rejects.toThrow()
    expect(await readAuditChain(db.read, 0, 10)).toMatchObject([{ seq: 1, actor: '' }])
    await db.close()
  })
})
