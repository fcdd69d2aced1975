import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { SqlDriverAdapter, SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { GantryError } from '@gantry/contracts'

/** Prisma's own table, so that `prisma migrate deploy` and this runner agree on what was done. */
const bookkeeping = {
  sqlite: `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT,
    "rolled_back_at" DATETIME, "started_at" DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0)`,
  postgresql: `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL,
    logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`,
}
const migrationName = /^\d{14}_[a-z0-9_]+$/

/** Applies the migrations of `folder` that the database has not seen, in order, each in one transaction. */
export async function applyMigrations(
  factory: SqlDriverAdapterFactory,
  provider: keyof typeof bookkeeping,
  folder: string,
): Promise<string[]> {
  const connection = await factory.connect()
  try {
    await connection.executeScript(bookkeeping[provider])
    const applied = await appliedMigrations(connection)
    const missing = readMigrations(folder).filter(({ name, checksum }) => {
      const known = applied.get(name)
      if (known !== undefined && known !== checksum) throw changedMigration(name)
      return known === undefined
    })
    for (const migration of missing) await applyMigration(connection, provider, migration)
    return missing.map(({ name }) => name)
  } finally {
    await connection.dispose()
  }
}

interface Migration {
  name: string
  sql: string
  checksum: string
}

function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .filter((name) => migrationName.test(name))
    .sort()
    .map((name) => {
      const sql = readFileSync(join(folder, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })
}

/** Name to checksum of what was applied and not rolled back. */
async function appliedMigrations(connection: SqlDriverAdapter): Promise<Map<string, string>> {
  const { rows } = await connection.queryRaw({
    sql: 'SELECT migration_name, checksum FROM "_prisma_migrations" WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    args: [],
    argTypes: [],
  })
  return new Map(rows.map(([name, checksum]) => [String(name), String(checksum)]))
}

async function applyMigration(connection: SqlDriverAdapter, provider: keyof typeof bookkeeping, migration: Migration): Promise<void> {
  // Safe to write out: the name was matched against `migrationName`, the others are our own hex digits and dashes.
  const record = `INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
    VALUES ('${randomUUID()}', '${migration.checksum}', CURRENT_TIMESTAMP, '${migration.name}', CURRENT_TIMESTAMP, 1)`
  const script = `${migration.sql};\n${record};`
  try {
    await runInTransaction[provider](connection, script)
  } catch (error) {
    throw new GantryError('internal', `database migration ${migration.name} failed and was undone`, {}, { cause: error })
  }
}

/** Two panels that start at once migrate one after the other; the second is refused by what the first has made. */
const runInTransaction = {
  async sqlite(connection: SqlDriverAdapter, script: string): Promise<void> {
    try {
      await connection.executeScript(`BEGIN IMMEDIATE;\n${script}\nCOMMIT;`)
    } catch (error) {
      await connection.executeScript('ROLLBACK').catch(() => undefined)
      throw error
    }
  },
  /** Without arguments it goes as one simple query, whose statements are one transaction; `executeScript` cuts at every semicolon. */
  async postgresql(connection: SqlDriverAdapter, script: string): Promise<void> {
    await connection.executeRaw({ sql: `SELECT pg_advisory_xact_lock(72707369);\n${script}`, args: [], argTypes: [] })
  },
}

function changedMigration(name: string): GantryError {
  return new GantryError('internal', `database migration ${name} was changed after it had been applied`, {
    remedy: 'restore the migration file, and put the change into a new migration',
  })
}
