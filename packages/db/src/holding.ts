import type { Reader, Transaction } from './database.ts'

export const holdingKinds = ['container', 'volume', 'image'] as const
export type HoldingKind = (typeof holdingKinds)[number]
export type HoldingCounts = Record<HoldingKind, number>

/** What a project has and has reserved. */
export async function countHoldings(db: Reader | Transaction, projectId: string): Promise<HoldingCounts> {
  const groups = await db.holding.groupBy({ by: ['kind'], where: { projectId }, _count: { _all: true } })
  const counts: HoldingCounts = { container: 0, volume: 0, image: 0 }
  for (const { kind, _count } of groups) if (kind in counts) counts[kind as HoldingKind] = _count._all
  return counts
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

/** Reserves one holding per key; they go with `releaseHoldings` or become `present` with `presentHoldings`. */
export const reserveHoldings = (tx: Transaction, { projectId, operationId, createdById, kind, keys }: Reservation) =>
  tx.holding.createMany({ data: keys.map((key) => ({ projectId, operationId, createdById, kind, key, state: 'requested' })) })
/** Gives up what an operation has reserved. */
export const releaseHoldings = (tx: Transaction, operationId: string) =>
  tx.holding.deleteMany({ where: { operationId, state: 'requested' } })

/** Records what is there; what was known before keeps its maker unless one is named. */
export async function presentHoldings(
  tx: Transaction,
  { projectId, kind, keys, createdById }: { projectId: string; kind: HoldingKind; keys: string[]; createdById: string | null },
): Promise<void> {
  for (const key of keys) {
    await tx.holding.upsert({
      where: { kind_projectId_key: { kind, projectId, key } },
      create: { projectId, kind, key, createdById, state: 'present' },
      update: { state: 'present', operationId: null, ...(createdById === null ? {} : { createdById }) },
    })
  }
}

export const deleteHoldings = (tx: Transaction, projectId: string, kind: HoldingKind, keys: string[]) =>
  tx.holding.deleteMany({ where: { projectId, kind, key: { in: keys } } })
