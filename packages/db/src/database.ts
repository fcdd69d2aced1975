import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { GantryError } from '@gantry/contracts'
import { type Prisma, PrismaClient } from './generated/sqlite/client.ts'
import { applyMigrations } from './migrate.ts'
import { bindSql } from './sql.ts'
import { type SharedConnection, Writer, openReader, sqliteAdapter } from './sqlite.ts'

/** Queries outside a transaction: reads only. Both providers' clients have the same shape; SQLite's stands for both. */
export type Reader = Omit<PrismaClient, '$transaction' | '$connect' | '$disconnect' | '$on' | '$use' | '$extends'>
/** Queries inside a transaction. */
export type Transaction = Prisma.TransactionClient

export interface Database {
  readonly provider: 'sqlite' | 'postgresql'
  readonly read: Reader
  /**
   * Runs `work` in one transaction and commits when it resolves. On SQLite it holds the write lock from its start, and no other
   * transaction of this process can begin: `work` must wait for nothing but its own queries. A database that stays locked for `busyTimeoutMs` or cannot be reached is `unavailable`; nothing is then changed.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  /** Resolves when all that was committed is on the disk, where a loss of power leaves it. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** `file:/path` or `postgresql://…` */
  url: string
  /** Folder with one folder of migrations per provider; absent: the database must exist and is left as it is. */
  migrationsDir?: string
  busyTimeoutMs?: number
  /** Told when the disk refuses what was committed and nobody waits for (SQLite). */
  onSyncError?: (error: unknown) => void
}

/** Opens the database, making and migrating it as needed. */
export async function openDatabase(asked: DatabaseOptions): Promise<Database> {
  const { url, migrationsDir, busyTimeoutMs = 5_000, onSyncError = () => undefined } = asked
  const sqlite = url.startsWith('file:')
  const file = url.slice('file:'.length)
  if (sqlite && migrationsDir === undefined && !existsSync(file)) throw new GantryError('not_found', `there is no database ${file}`)
  if (sqlite) mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const provider = sqlite ? 'sqlite' : 'postgresql'
  if (migrationsDir !== undefined) {
    const adapter = sqlite ? sqliteAdapter(url) : await postgresAdapter(url, 1)
    await available(busyTimeoutMs, () => applyMigrations(adapter, provider, `${migrationsDir}/${provider}`))
  }
  if (!sqlite) return connectPostgres(url, busyTimeoutMs)
  return available(busyTimeoutMs, () => connectSqlite(url, busyTimeoutMs, onSyncError))
}

// Longer errors quote what was to be written, passwords and all.
const options = { errorFormat: 'minimal' as const, transactionOptions: { maxWait: 10_000, timeout: 15_000 } }

async function connectSqlite(url: string, busyTimeoutMs: number, onSyncError: (error: unknown) => void): Promise<Database> {
  // Two connections: on one, what is read outside would be inside somebody's transaction.
  const connection = await Writer.open(url, onSyncError)
  const outside = await openReader(url)
  const clientOf = ({ adapter, sql }: SharedConnection) => {
    const client = new PrismaClient({ adapter, ...options })
    bindSql(client, sql)
    return client
  }
  const writer = clientOf(connection)
  const reader = clientOf(outside)
  return {
    provider: 'sqlite',
    read: reader,
    transaction: (work) => available(busyTimeoutMs, () => connection.transaction(() => work(writer))),
    flush: () => connection.flush(),
    async close() {
      await connection.close()
      await writer.$disconnect()
      await reader.$disconnect()
    },
  }
}

/** Loaded by those who use it only: the modules are megabytes. */
async function postgresAdapter(connectionString: string, max: number): Promise<SqlDriverAdapterFactory> {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  return new PrismaPg({ connectionString, max })
}

async function connectPostgres(url: string, busyTimeoutMs: number): Promise<Database> {
  const { PrismaClient: PostgresClient } = await import('./generated/postgresql/client.ts')
  const Client = PostgresClient as unknown as typeof PrismaClient
  const client = new Client({ adapter: await postgresAdapter(url, 8), ...options })
  return {
    provider: 'postgresql',
    read: client,
    transaction: (work) => available(busyTimeoutMs, () => client.$transaction(work)),
    flush: async () => undefined,
    close: () => client.$disconnect(),
  }
}

/** Prisma: P1xxx connection, P2024 pool, P2028 transaction could not be had, P2034 write conflict. */
const transient = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034'])

/**
 * Runs `work` until it is not refused for being busy, at most for `busyTimeoutMs`; then it is `unavailable`. SQLite's own waiting
 * would stop the whole process.
 */
async function available<T>(busyTimeoutMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + busyTimeoutMs
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    try {
      return await work()
    } catch (error) {
      if (!isTransient(error)) throw error
      if (performance.now() + pauseMs > deadline) {
        const message = 'the database is locked or does not answer, nothing was changed'
        throw new GantryError('unavailable', message, { remedy: 'try again in a moment' }, { cause: error })
      }
    }
    await delay(pauseMs)
  }
}

function isTransient(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof GantryError) return false
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string' && (transient.has(code) || code.startsWith('SQLITE_BUSY') || code === 'ECONNREFUSED')) return true
  return /database is locked|SocketTimeout|TransactionWriteConflict/.test(error.message)
}

/** True when `error` is the refusal of a second row with the same key. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === 'P2002'
}
