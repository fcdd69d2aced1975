import { randomBytes } from 'node:crypto'
import { GantryError, type ProjectToken, containerNameSchema, roles } from '@gantry/contracts'
import { deleteToken, insertToken, isDuplicate, listTokens } from '@gantry/db'
import { z } from 'zod'
import { projectFields } from '../lib/project-input.ts'
import { useCase } from '../use-case.ts'
import { hashToken } from './session.ts'

/** Tells what it is where it is found in a file or a log. */
const prefix = 'gantry_'

export const listProjectTokens = useCase({
  verb: 'project.tokens.list',
  permission: 'project.manage',
  effect: 'read',
  input: z.strictObject(projectFields),
  run: async ({ backend }, { projectId }): Promise<ProjectToken[]> => (await listTokens(backend.db.read, projectId)).map(toToken),
})

/** Makes a token that lets Docker clients into the project. It is shown this once; the database keeps its hash. */
export const createProjectToken = useCase({
  verb: 'project.tokens.create',
  permission: 'project.manage',
  effect: 'database',
  input: z.strictObject({
    ...projectFields,
    name: containerNameSchema,
    role: z.enum(roles).default('developer'),
    expiresAt: z.iso.datetime().optional(),
  }),
  object: ({ name, projectId }) => `token ${name} of project ${projectId}`,
  async run({ caller, user, commit }, { projectId, name, role, expiresAt }): Promise<{ token: string; created: ProjectToken }> {
    const token = `${prefix}${randomBytes(32).toString('base64url')}`
    const data = { projectId, name, role, tokenHash: hashToken(token), expiresAt: expiresAt === undefined ? null : new Date(expiresAt) }
    // Root on the machine is no row of the database.
    const userId = caller.credential ? null : user.id
    const row = await commit((tx) => insertToken(tx, { ...data, userId })).catch((error: unknown) => {
      if (!isDuplicate(error)) throw error
      throw new GantryError(
        'already_exists',
        `project ${projectId} has a token ${name} already`,
        { field: 'name', value: name },
        { cause: error },
      )
    })
    return { token, created: toToken(row) }
  },
})

/** From now on it lets nobody in; what it holds open is closed. */
export const revokeProjectToken = useCase({
  verb: 'project.tokens.revoke',
  permission: 'project.manage',
  effect: 'database',
  input: z.strictObject({ ...projectFields, id: z.string().min(1).max(64) }),
  object: ({ id, projectId }) => `token ${id} of project ${projectId}`,
  async run({ backend, commit }, { projectId, id }): Promise<{ id: string }> {
    await commit(async (tx) => {
      const { count } = await deleteToken(tx, projectId, id)
      if (count === 0) throw new GantryError('not_found', `token ${id} not found`, { value: id })
    })
    backend.access.changed(`token:${id}`)
    return { id }
  },
})

type Row = Awaited<ReturnType<typeof listTokens>>[number]

function toToken({ id, projectId, name, role, user, createdAt, expiresAt, lastUsedAt }: Row): ProjectToken {
  return {
    id,
    projectId,
    name,
    role: roles.find((known) => known === role) ?? 'viewer',
    createdBy: user?.email ?? null,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  }
}
