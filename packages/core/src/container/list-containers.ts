import type { PanelContainer } from '@gantry/contracts'
import { listHoldings, listUsers } from '@gantry/db'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import { someProjectFields } from '../lib/project-input.ts'
import { useCase } from '../use-case.ts'

/** Containers of one project, or of all that the caller can see. */
export const listContainers = useCase({
  verb: 'container.list',
  permission: 'container.view',
  effect: 'read',
  acrossProjects: true,
  input: z.strictObject(someProjectFields),
  async run({ backend, user }, { projectId }): Promise<PanelContainer[]> {
    const [containers, makers, visible] = await Promise.all([
      backend.agent.call('container.list', { projectId, all: true }),
      containerMakers(backend.db.read, projectId),
      projectId === undefined ? visibleProjects(backend, user) : [],
    ])
    const shown = new Set(projectId === undefined ? visible.map(({ project }) => project.id) : [projectId])
    return containers
      .filter((container) => shown.has(container.projectId))
      .map((container) => ({ ...container, createdBy: makers.get(container.id) ?? null }))
  },
})

/** E-mail address of who made each container; those made past the panel have none. */
async function containerMakers(db: Parameters<typeof listUsers>[0], projectId: string | undefined): Promise<Map<string, string>> {
  const [holdings, users] = await Promise.all([listHoldings(db, { projectId, kind: 'container' }), listUsers(db)])
  const emails = new Map(users.map(({ id, email }) => [id, email]))
  return new Map(
    holdings.flatMap(({ key, createdById }) => (createdById ? [[key, emails.get(createdById) ?? 'removed user'] as const] : [])),
  )
}
