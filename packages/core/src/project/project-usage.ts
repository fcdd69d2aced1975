import { type ProjectUsage, type ProjectUsageView, GantryError, type Stats } from '@gantry/contracts'
import { type ProjectRow, countHoldings, findProject, toLimits } from '@gantry/db'
import { z } from 'zod'
import type { Backend } from '../backend.ts'
import { projectFields } from '../lib/project-input.ts'
import { useCase } from '../use-case.ts'

export const projectUsage = useCase({
  verb: 'project.usage',
  permission: 'project.view',
  effect: 'read',
  input: z.strictObject(projectFields),
  async run({ backend }, { projectId }): Promise<ProjectUsageView> {
    const row = await findProject(backend.db.read, projectId)
    const [usage] = row ? await usageOf(backend, [row]) : []
    if (!usage) throw new GantryError('not_found', `project ${projectId} not found`, { value: projectId })
    return usage
  },
})

/** Limits, what is used of them, and the counters of the projects' cgroups. Without the agent the database's counts remain. */
export async function usageOf(backend: Backend, rows: ProjectRow[]): Promise<ProjectUsageView[]> {
  const ids = rows.map(({ id }) => id)
  const [usages, stats] = ids.length === 0 ? [[], []] : await askAgent(backend, ids)
  return Promise.all(
    rows.map(async (row) => {
      const counts = await countHoldings(backend.db.read, row.id)
      const usage = usages.find(({ id }) => id === row.id)
      return {
        projectId: row.id,
        name: row.name,
        limits: toLimits(row),
        used: {
          containers: counts.container,
          running: usage?.running ?? 0,
          volumes: counts.volume,
          images: counts.image,
          diskBytes: usage?.diskBytes ?? null,
        },
        stats: stats.find(({ projectId }) => projectId === row.id) ?? null,
      }
    }),
  )
}

async function askAgent({ agent }: Backend, ids: string[]): Promise<[ProjectUsage[], Stats[]]> {
  try {
    return await Promise.all([agent.call('project.usage', { ids }), agent.call('project.stats', { ids })])
  } catch (error) {
    if (error instanceof GantryError && error.code === 'unavailable') return [[], []]
    throw error
  }
}
