import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import type { SqlDriverAdapter, SqlDriverAdapterFactory, Transaction as AdapterTransaction } from '@prisma/driver-adapter-utils'
import { GantryError } from '@gantry/contracts'
import Sqlite from 'better-sqlite3'
import type { Sql, SqlValue } from './sql.ts'
import { WalSync } from './wal-sync.ts'

/**
 * A connection in WAL mode. A commit is in the file system's hands when it returns, so it outlives this process however that ends;
 * `flush` waits for the disk too, and without being asked the disk has it a moment later. See docs/adr/0011.
 */
export function sqliteAdapter(url: string): SqlDriverAdapterFactory {
  const factory = new PrismaBetterSqlite3({ url, timeout: 0 })
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect(): Promise<SqlDriverAdapter> {
      const connection = await factory.connect()
      await connection.executeScript('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;')
      return connection
    },
  }
}

/** For `new PrismaClient`, and the same connection for plain SQL. */
export interface SharedConnection {
  adapter: SqlDriverAdapterFactory
  sql: Sql
}

/** A connection for queries outside transactions. */
export async function openReader(url: string): Promise<SharedConnection> {
  const adapter = sqliteAdapter(url)
  const connection = await adapter.connect()
  return { adapter: { ...adapter, connect: async () => connection }, sql: new Statements(databaseOf(connection)) }
}

/** The connection of all transactions: statements of Prisma and plain ones are in the one that is open. */
export class Writer implements SharedConnection {
  readonly adapter: SqlDriverAdapterFactory
  readonly sql: Sql
  readonly #disk: WalSync
  readonly #db: Sqlite.Database
  #lastTurn: Promise<unknown> = Promise.resolve()

  private constructor(connection: SqlDriverAdapter, disk: WalSync) {
    this.#db = databaseOf(connection)
    this.#disk = disk
    const { provider, adapterName } = connection
    const inner = Object.assign(connection, { startTransaction: () => savepoint(connection) })
    this.adapter = { provider, adapterName, connect: async () => inner }
    this.sql = new Statements(this.#db)
  }

  /** `onSyncError` is told when the disk refuses what nobody waits for. */
  static async open(url: string, onSyncError: (error: unknown) => void): Promise<Writer> {
    return new Writer(await sqliteAdapter(url).connect(), new WalSync(`${url.slice('file:'.length)}-wal`, onSyncError))
  }

  /** One after the other: between two statements of one, none of another may run. */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(() => this.#carryOut(work))
    this.#lastTurn = turn.catch(() => undefined)
    return turn
  }

  /** Resolves when all that was committed is on the disk. */
  flush(): Promise<void> {
    return this.#disk.flush()
  }

  /** Of what is not Prisma's, which closes the connection itself. */
  async close(): Promise<void> {
    await this.#lastTurn
    await this.#disk.close()
  }

  async #carryOut<T>(work: () => Promise<T>): Promise<T> {
    // The write lock from the start: what is read in here is still so when it is written.
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const result = await work()
      this.#db.exec('COMMIT')
      this.#disk.written()
      return result
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

/** Plain SQL on a connection, each text prepared once. */
class Statements implements Sql {
  readonly #db: Sqlite.Database
  readonly #prepared = new Map<string, { statement: Sqlite.Statement; order: number[] }>()

  constructor(db: Sqlite.Database) {
    this.#db = db
  }

  async all(text: string, ...values: SqlValue[]): Promise<Record<string, unknown>[]> {
    const { statement, given } = this.#prepare(text, values)
    return statement.all(...given) as Record<string, unknown>[]
  }

  async run(text: string, ...values: SqlValue[]): Promise<number> {
    const { statement, given } = this.#prepare(text, values)
    return statement.run(...given).changes
  }

  #prepare(text: string, values: SqlValue[]): { statement: Sqlite.Statement; given: unknown[] } {
    let known = this.#prepared.get(text)
    if (!known) {
      const order = [...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number) - 1)
      known = { statement: this.#db.prepare(text.replaceAll(/\$\d+/g, '?')).safeIntegers(false), order }
      this.#prepared.set(text, known)
    }
    const bound = (value: SqlValue | undefined) => (value instanceof Date ? toText(value) : value)
    return { statement: known.statement, given: known.order.map((index) => bound(values[index])) }
  }
}

/** As Prisma writes times, which are compared as text. */
const toText = (time: Date): string => time.toISOString().replace('Z', '+00:00')

function databaseOf(connection: SqlDriverAdapter): Sqlite.Database {
  if ('client' in connection && connection.client instanceof Sqlite) return connection.client
  throw new GantryError('internal', 'the database adapter does not show its connection')
}

/** What Prisma takes for a transaction (several statements of one call) inside the one that is open. */
async function savepoint(connection: SqlDriverAdapter): Promise<AdapterTransaction> {
  const name = 'prisma'
  await connection.executeScript(`SAVEPOINT ${name}`)
  return {
    provider: connection.provider,
    adapterName: connection.adapterName,
    options: { usePhantomQuery: true },
    queryRaw: (query) => connection.queryRaw(query),
    executeRaw: (query) => connection.executeRaw(query),
    commit: () => connection.executeScript(`RELEASE ${name}`),
    rollback: () => connection.executeScript(`ROLLBACK TO ${name}; RELEASE ${name}`),
  }
}
