import {
  type AuditEntry,
  type AuditFacets,
  type AuditPage,
  type AuditVerification,
  type User,
  auditFilterSchema,
  auditQuerySchema,
} from '@gantry/contracts'
import { type AuditScope, auditFacets as findFacets, listAuditEntries } from '@gantry/db'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import type { Backend } from '../backend.ts'
import { roleAllows } from '../policy/permissions.ts'
import { useCase } from '../use-case.ts'
import { verifyAudit } from './verify-audit.ts'

/** Host administrators see all; others their own actions and those in projects they administer. */
async function scopeOf(backend: Backend, user: User): Promise<AuditScope> {
  if (user.hostAdmin) return 'all'
  const projects = await visibleProjects(backend, user)
  return { userId: user.id, projectIds: projects.filter(({ role }) => roleAllows(role, 'project.manage')).map(({ project }) => project.id) }
}

export const listAudit = useCase({
  verb: 'audit.list',
  permission: 'audit.view',
  effect: 'read',
  // `projectId` here is a filter on what the caller may see, not a project to enter.
  project: () => undefined,
  input: auditQuerySchema,
  async run({ backend, user }, { cursor, limit, ...filter }): Promise<AuditPage> {
    const entries = await listAuditEntries(backend.db.read, await scopeOf(backend, user), filter, { cursor, limit: limit + 1 })
    const page = entries.slice(0, limit)
    return { entries: page, nextCursor: entries.length > limit ? (page.at(-1)?.seq ?? null) : null }
  },
})

export const auditFacets = useCase({
  verb: 'audit.facets',
  permission: 'audit.view',
  effect: 'read',
  input: z.void(),
  run: async ({ backend, user }): Promise<AuditFacets> => findFacets(backend.db.read, await scopeOf(backend, user)),
})

export const checkAudit = useCase({
  verb: 'audit.verify',
  permission: 'audit.verify',
  effect: 'read',
  input: z.void(),
  run: ({ backend }): Promise<AuditVerification> => verifyAudit({ db: backend.db, key: backend.audit.key }),
})

const exportPage = 1_000

/** All matching entries, newest first, page by page. Taking the log away is itself written down. */
export const exportAudit = useCase({
  verb: 'audit.export',
  permission: 'audit.view',
  effect: 'database',
  project: () => undefined,
  input: auditFilterSchema,
  object: () => 'audit log',
  async run({ backend, user }, filter): Promise<AsyncIterable<AuditEntry[]>> {
    const scope = await scopeOf(backend, user)
    return pages((cursor) => listAuditEntries(backend.db.read, scope, filter, { cursor, limit: exportPage }))
  },
})

async function* pages(load: (cursor: number | undefined) => Promise<AuditEntry[]>): AsyncGenerator<AuditEntry[]> {
  let page = await load(undefined)
  while (page.length > 0) {
    yield page
    page = page.length < exportPage ? [] : await load(page.at(-1)?.seq)
  }
}
