import type { Reader, Transaction } from './database.ts'

export type SqlValue = string | number | null | Date

/**
 * Plain SQL, for the few statements that every start of a container runs: through Prisma's query compiler they cost more than all
 * else the gateway does. Same text for both databases: parameters are `$1`, `$2`, names are quoted.
 */
export interface Sql {
  all(text: string, ...values: SqlValue[]): Promise<Record<string, unknown>[]>
  /** Resolves with the number of rows that were changed. */
  run(text: string, ...values: SqlValue[]): Promise<number>
}

const direct = new WeakMap<object, Sql>()

/** Statements of `client` go past Prisma, on the same connection. */
export function bindSql(client: object, sql: Sql): void {
  direct.set(client, sql)
}

/** In the same transaction, or outside one, as what is asked through `db` itself. */
export function sqlOf(db: Reader | Transaction): Sql {
  return (
    direct.get(db) ?? {
      all: (text, ...values) => db.$queryRawUnsafe(text, ...values),
      run: (text, ...values) => db.$executeRawUnsafe(text, ...values),
    }
  )
}
