import {
  GantryError,
  type Project,
  type ProjectLimits,
  type Resources,
  displayNameSchema,
  projectIdSchema,
  projectLimitsSchema,
  SYSTEM_PROJECT,
} from '@gantry/contracts'
import { deleteProject, findProject, insertProject, isDuplicate, toLimits, toProject, updateProject as writeProject } from '@gantry/db'
import { z } from 'zod'
import { visibleProjects } from '../access.ts'
import { useCase } from '../use-case.ts'

/** The limits that the kernel holds on the project's cgroup. Swap follows memory unless it has a limit of its own. */
export function projectResources({ nanoCpus, memoryBytes, memorySwapBytes, pids }: ProjectLimits): Resources {
  return { nanoCpus, memoryBytes, memorySwapBytes: memorySwapBytes ?? memoryBytes, pidsLimit: pids }
}

const limits = projectLimitsSchema.refine(
  ({ memoryBytes, memorySwapBytes = -1 }) => memorySwapBytes === -1 || memorySwapBytes >= (memoryBytes ?? 0),
  { path: ['memorySwapBytes'], message: 'must be at least the memory limit (it is memory and swap together), or -1' },
)

export const listProjects = useCase({
  verb: 'project.list',
  permission: 'project.list',
  effect: 'read',
  input: z.void(),
  async run({ backend, user }): Promise<Project[]> {
    return (await visibleProjects(backend, user)).map(({ project, role }) => toProject(project, role))
  },
})

export const getProject = useCase({
  verb: 'project.get',
  permission: 'project.view',
  effect: 'read',
  input: z.strictObject({ projectId: projectIdSchema }),
  async run({ backend, role }, { projectId }): Promise<Project> {
    const row = await findProject(backend.db.read, projectId)
    if (!row) throw new GantryError('not_found', `project ${projectId} not found`, { value: projectId })
    return toProject(row, role)
  },
})

/** Makes the project in the database and its cgroup, id range and network at the agent. */
export const createProject = useCase({
  verb: 'project.create',
  permission: 'project.create',
  effect: 'agent',
  input: z.strictObject({ id: projectIdSchema, name: displayNameSchema, limits: limits.default({}) }),
  object: ({ id }) => `project ${id}`,
  project: ({ id }) => id,
  async admit(tx, _scope, { id, name, limits }): Promise<undefined> {
    if (id === SYSTEM_PROJECT) throw new GantryError('already_exists', `project ${id} is gantry's own`, { field: 'id', value: id })
    if (await findProject(tx, id)) throw new GantryError('already_exists', `project ${id} exists already`, { field: 'id', value: id })
    try {
      await insertProject(tx, { id, name, limits })
    } catch (error) {
      if (!isDuplicate(error)) throw error
      throw new GantryError('already_exists', `project ${id} exists already`, { field: 'id', value: id }, { cause: error })
    }
  },
  release: (tx, { id }) => deleteProject(tx, id),
  async run({ backend }, { id, limits }): Promise<Project> {
    await backend.agent.call('project.apply', { id, resources: projectResources(limits) })
    const row = await findProject(backend.db.read, id)
    if (!row) throw new GantryError('not_found', `project ${id} not found`, { value: id })
    return toProject(row, 'admin')
  },
})

export const renameProject = useCase({
  verb: 'project.rename',
  permission: 'project.manage',
  effect: 'database',
  input: z.strictObject({ projectId: projectIdSchema, name: displayNameSchema }),
  object: ({ projectId }) => `project ${projectId}`,
  async run({ commit, role }, { projectId, name }): Promise<Project> {
    return toProject(await commit((tx) => writeProject(tx, projectId, { name })), role)
  },
})

/** Replaces all limits. The kernel holds the new ones when this returns; what already uses more is not stopped. */
export const limitProject = useCase({
  verb: 'project.limit',
  permission: 'project.limit',
  effect: 'agent',
  input: z.strictObject({ projectId: projectIdSchema, limits }),
  object: ({ projectId }) => `project ${projectId}`,
  async run({ backend, commit }, { projectId, limits }): Promise<Project> {
    const before = await findProject(backend.db.read, projectId)
    if (!before) throw new GantryError('not_found', `project ${projectId} not found`, { value: projectId })
    await backend.agent.call('project.apply', { id: projectId, resources: projectResources(limits) })
    try {
      return toProject(await commit((tx) => writeProject(tx, projectId, { limits })), 'admin')
    } catch (error) {
      // What the kernel holds must be what the database says.
      await backend.agent.call('project.apply', { id: projectId, resources: projectResources(toLimits(before)) })
      throw error
    }
  },
})

/** With `force`, what is in the project goes with it. */
export const removeProject = useCase({
  verb: 'project.remove',
  permission: 'project.remove',
  effect: 'agent',
  input: z.strictObject({ projectId: projectIdSchema, force: z.boolean().default(false) }),
  object: ({ projectId }) => `project ${projectId}`,
  async run({ backend, commit }, { projectId, force }): Promise<{ id: string }> {
    if (!(await findProject(backend.db.read, projectId))) {
      throw new GantryError('not_found', `project ${projectId} not found`, { value: projectId })
    }
    await backend.agent.call('project.remove', { id: projectId, force })
    await commit((tx) => deleteProject(tx, projectId))
    backend.access.changed('all')
    return { id: projectId }
  },
})
