import { type ContainerSummary, type DashboardOverview, GantryError, type HostInfo } from '@gantry/contracts'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import type { Backend } from '../backend.ts'
import { forEyesOf } from '../host/host-view.ts'
import { usageOf } from '../project/project-usage.ts'
import { useCase } from '../use-case.ts'

/** Host, projects and containers at a glance, as far as the caller can see them. It answers while the agent is down, too. */
export const dashboardOverview = useCase({
  verb: 'dashboard.overview',
  permission: 'host.view',
  effect: 'read',
  input: z.void(),
  async run({ backend, user }): Promise<DashboardOverview> {
    const rows = (await visibleProjects(backend, user)).map(({ project }) => project)
    const [projects, seen] = await Promise.all([usageOf(backend, rows), askAgent(backend)])
    const shown = new Set(rows.map(({ id }) => id))
    const containers = seen?.containers.filter(({ projectId }) => shown.has(projectId)) ?? []
    return { host: seen && (await forEyesOf(backend, user, seen.host)), projects, containers: countByStatus(containers) }
  },
})

async function askAgent({ agent }: Backend): Promise<{ host: HostInfo; containers: ContainerSummary[] } | null> {
  try {
    const [host, containers] = await Promise.all([agent.call('system.info', {}), agent.call('container.list', { all: true })])
    return { host, containers }
  } catch (error) {
    if (error instanceof GantryError && error.code === 'unavailable') return null
    throw error
  }
}

function countByStatus(containers: ContainerSummary[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { state } of containers) counts[state.status] = (counts[state.status] ?? 0) + 1
  return counts
}
