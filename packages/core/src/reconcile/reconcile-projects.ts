import { isDeepStrictEqual } from 'node:util'
import { type Resources, SYSTEM_PROJECT } from '@gantry/contracts'
import { insertProject, listOperations, listProjects, toLimits } from '@gantry/db'
import type { Backend } from '../backend.ts'
import { projectResources } from '../project/projects.ts'

/** Makes the agent's projects and limits those of the database, and adopts projects that were made past the panel. */
export async function reconcileProjects(backend: Backend): Promise<void> {
  const busy = new Set(
    (await listOperations(backend.db.read)).flatMap(({ verb, projectId }) => (verb.startsWith('project.') ? [projectId] : [])),
  )
  const rows = await listProjects(backend.db.read)
  const there = new Map((await backend.agent.call('project.list', {})).map((project) => [project.id, project.resources]))
  for (const row of rows) {
    const resources = projectResources(toLimits(row))
    if (!busy.has(row.id) && !sameResources(there.get(row.id), resources))
      await backend.agent.call('project.apply', { id: row.id, resources })
  }
  const known = new Set([SYSTEM_PROJECT, ...rows.map(({ id }) => id)])
  for (const [id, resources] of there) {
    if (known.has(id) || busy.has(id)) continue
    const limits = {
      nanoCpus: resources.nanoCpus,
      memoryBytes: resources.memoryBytes,
      memorySwapBytes: resources.memorySwapBytes,
      pids: resources.pidsLimit === -1 ? undefined : resources.pidsLimit,
    }
    await backend.db.transaction((tx) => insertProject(tx, { id, name: id, limits }))
    backend.log.info('adopted a project that was made past the panel', { projectId: id })
  }
}

/** Absent and undefined are the same here. */
function sameResources(a: Resources | undefined, b: Resources): boolean {
  const plain = (resources: Resources) => JSON.parse(JSON.stringify(resources)) as unknown
  return a !== undefined && isDeepStrictEqual(plain(a), plain(b))
}
