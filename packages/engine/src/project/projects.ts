import { type AgentHandlers, type EngineProject, GantryError, type ProjectUsage, SYSTEM_PROJECT, type Stats } from '@gantry/contracts'
import type { Parts } from '../container/parts.ts'
import { removeContainer } from '../container/remove.ts'
import { KeyedLock } from '../lib/keyed-lock.ts'
import type { KnownProject, ProjectStore } from './project-store.ts'

export type ProjectHandlers = Pick<AgentHandlers, Extract<keyof AgentHandlers, `project.${string}`>>

/** What the other parts keep of a project, beyond its containers. */
export interface ProjectBelongings {
  readonly images: { usage(projectId: string): { images: number; sizeBytes: number }; removeProject(projectId: string): Promise<void> }
  readonly volumes: {
    usage(projectId: string): Promise<{ volumes: number; sizeBytes: number }>
    removeProject(projectId: string): Promise<void>
  }
}

/** The agent's `project.*` methods. A project is a cgroup, a range of ids and a default network; who is in it, the database knows. */
export function projectHandlers(parts: Parts, projects: ProjectStore, belongings: ProjectBelongings): ProjectHandlers {
  const locks = new KeyedLock()
  const known = (ids: string[] | undefined) => (ids ? ids.filter((id) => projects.has(id)) : projects.list().map((project) => project.id))
  return {
    'project.apply': (input) => locks.run(input.id, () => applyProject(parts, projects, input)),
    'project.remove': (input) => locks.run(input.id, () => removeProject(parts, projects, belongings, input)),
    'project.list': async () => projects.list(),
    'project.usage': async (input) => Promise.all(known(input.ids).map((id) => projectUsage(parts, belongings, id))),
    'project.stats': async (input) => projectStats(parts, known(input.ids)),
  }
}

async function applyProject(parts: Parts, projects: ProjectStore, input: EngineProject): Promise<{ id: string; idBase: number }> {
  if (input.id === SYSTEM_PROJECT) throw new GantryError('forbidden', `the ${SYSTEM_PROJECT} project is the engine's own`)
  const before = projects.has(input.id) ? projects.get(input.id) : undefined
  const project = await projects.put(input)
  try {
    await setLimits(parts, project)
    await parts.network.ensureDefault(project.id)
  } catch (error) {
    await takeBack(parts, projects, project, before)
    throw error
  }
  if (!before) {
    parts.events.emit({ type: 'project', action: 'create', id: project.id, projectId: project.id, attributes: {} })
  } else parts.events.emit({ type: 'project', action: 'update', id: project.id, projectId: project.id, attributes: {} })
  return { id: project.id, idBase: project.idBase }
}

/** The project's group, then its running containers': on cgroup v1 a limit that fell has pulled theirs down, and now it may rise. */
async function setLimits(parts: Parts, project: KnownProject): Promise<void> {
  const running = parts.store.list(project.id).filter((container) => container.started)
  try {
    await parts.kernel.ops(parts.cgroups.projectOps(project.id, project.resources))
    // What they may have now hangs on what the project's group says by now.
    await parts.kernel.ops(
      running.flatMap((container) => parts.cgroups.updateOps(container.group, {}, container.record.spec.resources).ops),
    )
  } catch (error) {
    if (!(error instanceof GantryError && error.detail.errno === 'EBUSY')) throw error
    throw new GantryError(
      'wrong_state',
      `project ${project.id} uses more than its new limit right now`,
      { ...error.detail, remedy: 'stop some of its containers, or choose a higher limit' },
      { cause: error },
    )
  }
}

async function takeBack(parts: Parts, projects: ProjectStore, project: KnownProject, before: KnownProject | undefined): Promise<void> {
  try {
    if (before) {
      await projects.put(before)
      await setLimits(parts, before)
    } else {
      await projects.delete(project.id)
      await parts.cgroups.removeProject(project.id)
    }
  } catch (error) {
    parts.config.log('error', 'undo of project.apply failed', { project: project.id, error: String(error) })
  }
}

async function removeProject(
  parts: Parts,
  projects: ProjectStore,
  belongings: ProjectBelongings,
  { id, force }: { id: string; force: boolean },
): Promise<Record<string, never>> {
  projects.get(id)
  const containers = parts.store.list(id)
  if (!force) await refuseWhileUsed(parts, belongings, id)
  for (const container of containers) await removeContainer(parts, container, { force: true, volumes: true })
  await parts.network.removeProject(id)
  await belongings.volumes.removeProject(id)
  await belongings.images.removeProject(id)
  await parts.cgroups.removeProject(id)
  await projects.delete(id)
  parts.events.emit({ type: 'project', action: 'destroy', id, projectId: id, attributes: {} })
  return {}
}

async function refuseWhileUsed(parts: Parts, belongings: ProjectBelongings, id: string): Promise<void> {
  const containers = parts.store.list(id).length
  const { volumes } = await belongings.volumes.usage(id)
  const networks = (await parts.network.list({ projectId: id })).filter((network) => !network.builtin).length
  const left = [
    [containers, 'containers'],
    [volumes, 'volumes'],
    [networks, 'networks'],
  ].filter(([count]) => count !== 0)
  if (left.length === 0) return
  const text = left.map(([count, what]) => `${count} ${what}`).join(', ')
  throw new GantryError('wrong_state', `project ${id} still has ${text}`, { value: text, remedy: 'remove them first, or use force' })
}

async function projectUsage(parts: Parts, belongings: ProjectBelongings, id: string): Promise<ProjectUsage> {
  const containers = parts.store.list(id)
  const [volumes, ...layers] = await Promise.all([
    belongings.volumes.usage(id),
    ...containers.map((container) => writtenBytes(parts, container.id)),
  ])
  const images = belongings.images.usage(id)
  return {
    id,
    containers: containers.length,
    running: containers.filter((container) => container.running).length,
    volumes: volumes.volumes,
    images: images.images,
    diskBytes: layers.reduce((sum, bytes) => sum + bytes, volumes.sizeBytes + images.sizeBytes),
  }
}

/** 0 for a container that is being removed just now. */
async function writtenBytes(parts: Parts, containerId: string): Promise<number> {
  try {
    return await parts.snapshots.usage(containerId)
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') return 0
    throw error
  }
}

async function projectStats(parts: Parts, ids: readonly string[]): Promise<Stats[]> {
  const counters = await parts.cgroups.projectStats(ids)
  return ids.flatMap((id) => {
    const found = counters.get(id)
    return found ? [{ ...found, name: id, projectId: id, network: {} }] : []
  })
}
