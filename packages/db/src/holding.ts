import { randomUUID } from 'node:crypto'
import type { Reader, Transaction } from './database.ts'
import { sqlOf } from './sql.ts'

export const holdingKinds = ['container', 'volume', 'image'] as const
export type HoldingKind = (typeof holdingKinds)[number]
export type HoldingCounts = Record<HoldingKind, number>

const count = 'SELECT "kind", COUNT(*) AS "count" FROM "Holding" WHERE "projectId" = $1 GROUP BY "kind"'

/** What a project has and has reserved. */
export async function countHoldings(db: Reader | Transaction, projectId: string): Promise<HoldingCounts> {
  const groups = await sqlOf(db).all(count, projectId)
  const found = new Map(groups.map((group) => [group.kind, Number(group.count)]))
  return { container: found.get('container') ?? 0, volume: found.get('volume') ?? 0, image: found.get('image') ?? 0 }
}

const isPresent = `SELECT 1 AS "found" FROM "Holding" WHERE "kind" = $1 AND "projectId" = $2 AND "key" = $3 AND "state" = 'present'`

export async function hasHolding(db: Reader | Transaction, projectId: string, kind: HoldingKind, key: string): Promise<boolean> {
  return (await sqlOf(db).all(isPresent, kind, projectId, key)).length > 0
}

export const listHoldings = (db: Reader | Transaction, where: { projectId?: string; kind?: HoldingKind } = {}) =>
  db.holding.findMany({ where })

/** Keys of `keys` that the project has or has reserved. */
export async function knownKeys(db: Reader | Transaction, projectId: string, kind: HoldingKind, keys: string[]): Promise<Set<string>> {
  if (keys.length === 0) return new Set()
  const rows = await db.holding.findMany({ where: { projectId, kind, key: { in: keys } }, select: { key: true } })
  return new Set(rows.map(({ key }) => key))
}

export interface Reservation {
  projectId: string
  operationId: string
  createdById: string | null
  kind: HoldingKind
  keys: string[]
}

const reserve = `INSERT INTO "Holding" ("id", "projectId", "kind", "key", "state", "operationId", "createdById", "createdAt")
  VALUES ($1, $2, $3, $4, 'requested', $5, $6, $7)`

/** Reserves one holding per key; they go with `releaseHoldings` or become `present` with `presentHoldings`. */
export async function reserveHoldings(tx: Transaction, { projectId, operationId, createdById, kind, keys }: Reservation): Promise<void> {
  const now = new Date()
  for (const key of keys) await sqlOf(tx).run(reserve, randomUUID(), projectId, kind, key, operationId, createdById, now)
}

/** Gives up what an operation has reserved. */
export const releaseHoldings = (tx: Transaction, operationId: string): Promise<number> =>
  sqlOf(tx).run(`DELETE FROM "Holding" WHERE "operationId" = $1 AND "state" = 'requested'`, operationId)

const present = `INSERT INTO "Holding" ("id", "projectId", "kind", "key", "state", "createdById", "createdAt")
  VALUES ($1, $2, $3, $4, 'present', $5, $6)
  ON CONFLICT ("kind", "projectId", "key") DO UPDATE
  SET "state" = 'present', "operationId" = NULL, "createdById" = COALESCE(excluded."createdById", "Holding"."createdById")`

/** Records what is there; what was known before keeps its maker unless one is named. */
export async function presentHoldings(
  tx: Transaction,
  { projectId, kind, keys, createdById }: { projectId: string; kind: HoldingKind; keys: string[]; createdById: string | null },
): Promise<void> {
  const now = new Date()
  for (const key of keys) await sqlOf(tx).run(present, randomUUID(), projectId, kind, key, createdById, now)
}

export const deleteHolding = (tx: Transaction, projectId: string, kind: HoldingKind, key: string): Promise<number> =>
  sqlOf(tx).run('DELETE FROM "Holding" WHERE "kind" = $1 AND "projectId" = $2 AND "key" = $3', kind, projectId, key)
export async function deleteHoldings(tx: Transaction, projectId: string, kind: HoldingKind, keys: string[]): Promise<void> {
  if (keys.length > 0) await tx.holding.deleteMany({ where: { projectId, kind, key: { in: keys } } })
}
