import type { Project, ProjectLimits, Role } from '@gantry/contracts'
import type { Reader, Transaction } from './database.ts'
import type { ProjectModel } from './generated/sqlite/models.ts'
import { sqlOf } from './sql.ts'

export type ProjectRow = ProjectModel

/** Column of each limit. */
const columns = {
  nanoCpus: 'nanoCpus',
  memoryBytes: 'memoryBytes',
  memorySwapBytes: 'memorySwapBytes',
  pids: 'pids',
  containers: 'maxContainers',
  volumes: 'maxVolumes',
  images: 'maxImages',
  diskBytes: 'diskBytes',
} as const satisfies Record<keyof ProjectLimits, keyof ProjectRow>
const limitNames = Object.keys(columns) as (keyof ProjectLimits)[]

/** Of a row, or of what plain SQL returned of it. */
export function toLimits(row: Pick<ProjectRow, (typeof columns)[keyof ProjectLimits]> | Record<string, unknown>): ProjectLimits {
  const limits: ProjectLimits = {}
  for (const name of limitNames) {
    const value: unknown = row[columns[name]]
    if (value !== null) limits[name] = Number(value)
  }
  return limits
}

function toColumns(limits: ProjectLimits) {
  return Object.fromEntries(limitNames.map((name) => [columns[name], limits[name] === undefined ? null : BigInt(limits[name])])) as Record<
    (typeof columns)[keyof ProjectLimits],
    bigint | null
  >
}

export function toProject(row: ProjectRow, role: Role): Project {
  return { id: row.id, name: row.name, limits: toLimits(row), createdAt: row.createdAt.toISOString(), role }
}

export const findProject = (db: Reader | Transaction, id: string) => db.project.findUnique({ where: { id } })
export const listProjects = (db: Reader | Transaction) => db.project.findMany({ orderBy: { id: 'asc' } })
export const insertProject = (tx: Transaction, { id, name, limits }: { id: string; name: string; limits: ProjectLimits }) =>
  tx.project.create({ data: { id, name, ...toColumns(limits) } })
/** Limits are replaced as a whole. */
export const updateProject = (tx: Transaction, id: string, { name, limits }: { name?: string; limits?: ProjectLimits }) =>
  tx.project.update({ where: { id }, data: { ...(name === undefined ? {} : { name }), ...(limits ? toColumns(limits) : {}) } })
export const deleteProject = (tx: Transaction, id: string) => tx.project.deleteMany({ where: { id } })
const selectLimits = `SELECT ${Object.values(columns)
  .map((name) => `"${name}"`)
  .join(', ')} FROM "Project" WHERE "id" = $1`

/** Null when there is no such project. */
export async function findLimits(db: Reader | Transaction, id: string): Promise<ProjectLimits | null> {
  const [row] = await sqlOf(db).all(selectLimits, id)
  return row ? toLimits(row) : null
}

/** Holds the project's row until the transaction ends, so that two admissions never count at once. Null when it is gone. */
export async function lockProject(tx: Transaction, id: string): Promise<ProjectLimits | null> {
  const count = await sqlOf(tx).run('UPDATE "Project" SET "turn" = "turn" + 1 WHERE "id" = $1', id)
  return count === 0 ? null : findLimits(tx, id)
}
