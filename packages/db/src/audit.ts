import type { AuditEntry, AuditFacets, AuditFilter } from '@gantry/contracts'
import type { Reader, Transaction } from './database.ts'
import type { Prisma } from './generated/sqlite/client.ts'
import { sqlOf } from './sql.ts'

/** The end of the chain, as it is kept. */
type AuditHead = Record<'hash' | 'seal', string> & { seq: number }
type OutcomeRow<T> = Omit<T, 'outcome'> & { outcome: AuditEntry['outcome'] }
const typed = <T extends { outcome: string }>(row: T) => row as OutcomeRow<T>

/** Who may see which entries: all, or those of the given projects and of the user's own. */
export type AuditScope = 'all' | { userId: string; projectIds: string[] }

export async function findAuditHead(db: Reader | Transaction): Promise<AuditHead | null> {
  const [row] = await sqlOf(db).all('SELECT "seq", "hash", "seal" FROM "AuditHead" WHERE "id" = 1')
  return row ? { seq: Number(row.seq), hash: String(row.hash), seal: String(row.seal) } : null
}

const entryColumns = [
  ...(['seq', 'time', 'actorId', 'actor', 'address', 'projectId', 'verb'] as const),
  ...(['object', 'parameters', 'outcome', 'error', 'prevHash', 'hash'] as const),
]
const insertEntry = `INSERT INTO "AuditEntry" (${entryColumns.map((name) => `"${name}"`).join(', ')})
  VALUES (${entryColumns.map((_, index) => `$${index + 1}`).join(', ')})`

export async function insertAuditEntry(tx: Transaction, entry: AuditEntry): Promise<void> {
  await sqlOf(tx).run(insertEntry, ...entryColumns.map((name) => entry[name]))
}

const writeHead = `INSERT INTO "AuditHead" ("id", "seq", "hash", "seal") VALUES (1, $1, $2, $3)
  ON CONFLICT ("id") DO UPDATE SET "seq" = excluded."seq", "hash" = excluded."hash", "seal" = excluded."seal"`

export async function writeAuditHead(tx: Transaction, { seq, hash, seal }: AuditHead): Promise<void> {
  await sqlOf(tx).run(writeHead, seq, hash, seal)
}

/** Entries after `seq`, oldest first: for reading the whole chain in pages. */
export async function readAuditChain(db: Reader, afterSeq: number, limit: number): Promise<AuditEntry[]> {
  return (await db.auditEntry.findMany({ where: { seq: { gt: afterSeq } }, orderBy: { seq: 'asc' }, take: limit })).map(typed)
}

/** Newest first, those before `cursor`. */
export async function listAuditEntries(
  db: Reader,
  scope: AuditScope,
  filter: AuditFilter,
  page: { cursor?: number; limit: number },
): Promise<AuditEntry[]> {
  const before: Prisma.AuditEntryWhereInput = page.cursor === undefined ? {} : { seq: { lt: page.cursor } }
  const rows = await db.auditEntry.findMany({
    where: { AND: [visible(scope), matching(filter), before] },
    orderBy: { seq: 'desc' },
    take: page.limit,
  })
  return rows.map(typed)
}

export async function auditFacets(db: Reader, scope: AuditScope): Promise<AuditFacets> {
  const where = visible(scope)
  const actors = await db.auditEntry.findMany({
    where: { AND: [where, { actorId: { not: null } }] },
    distinct: ['actorId'],
    select: { actorId: true, actor: true },
    orderBy: { seq: 'desc' },
  })
  const verbs = await db.auditEntry.groupBy({ by: ['verb'], where, orderBy: { verb: 'asc' } })
  const projects = await db.auditEntry.groupBy({ by: ['projectId'], where, orderBy: { projectId: 'asc' } })
  return {
    actors: actors.map(({ actorId, actor }) => ({ id: actorId ?? '', name: actor })),
    verbs: verbs.map(({ verb }) => verb),
    projects: projects.flatMap(({ projectId }) => (projectId === null ? [] : [projectId])),
  }
}

function visible(scope: AuditScope): Prisma.AuditEntryWhereInput {
  return scope === 'all' ? {} : { OR: [{ projectId: { in: scope.projectIds } }, { actorId: scope.userId }] }
}

function matching({ actorId, projectId, verb, outcome, text, from, to }: AuditFilter): Prisma.AuditEntryWhereInput {
  return {
    actorId,
    projectId,
    verb,
    outcome,
    // RFC 3339 in UTC, hence ordered as text.
    time: { gte: from && new Date(from).toISOString(), lte: to && new Date(to).toISOString() },
    OR: text
      ? [
          { verb: { contains: text } },
          { object: { contains: text } },
          { parameters: { contains: text } },
          { actor: { contains: text } },
          { error: { contains: text } },
        ]
      : undefined,
  }
}
