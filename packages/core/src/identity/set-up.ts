import { DEFAULT_PROJECT, GantryError, type User, displayNameSchema, emailSchema, passwordSchema } from '@gantry/contracts'
import { type Transaction, countUsers, findProject, insertProject, insertUser, toUser } from '@gantry/db'
import { z } from 'zod'
import type { Backend } from '../backend.ts'
import { useCase } from '../use-case.ts'
import { hashPassword } from './password.ts'
import { type NewSession, openSession } from './session.ts'

const administrator = z.strictObject({ email: emailSchema, name: displayNameSchema, password: passwordSchema })

/** Makes the first host administrator with the code from the console, and signs in. */
export const setUp = useCase({
  verb: 'auth.setup',
  permission: 'public',
  effect: 'database',
  input: administrator.extend({ code: z.string().max(64) }),
  object: ({ email }) => `user ${email}`,
  async run(scope, { code, password, ...input }): Promise<{ user: User; session: NewSession }> {
    const { backend, caller } = scope
    scope.actor = { id: null, name: input.email }
    // One delay for all: the code is the same for everybody.
    await backend.signInDelay.check('set-up', caller.address)
    if (!backend.setupCode.matches(code)) {
      await backend.signInDelay.failed('set-up', caller.address)
      throw new GantryError('forbidden', 'the set-up code is wrong', {
        field: 'code',
        remedy: 'copy it from the console where gantry was started',
      })
    }
    const passwordHash = await hashPassword(password)
    const made = await scope.commit(async (tx) => {
      const user = await insertFirstAdmin(tx, { ...input, passwordHash })
      scope.actor = { id: user.id, name: user.email }
      return { user, session: await openSession(tx, user.id, caller, backend.now()) }
    })
    backend.setupCode.retire()
    await applyDefaultProject(backend)
    return made
  },
})

/** Makes the first administrator from the environment, once. False when there are users already. */
export async function setUpFromEnvironment(backend: Backend, input: { email: string; password: string }): Promise<boolean> {
  if ((await countUsers(backend.db.read)) > 0) return false
  const { email, name, password } = administrator.parse({ ...input, name: 'Administrator' })
  const passwordHash = await hashPassword(password)
  await backend.db.transaction(async (tx) => {
    await insertFirstAdmin(tx, { email, name, passwordHash })
    await backend.audit.append(tx, {
      actorId: null,
      actor: 'environment',
      address: 'console',
      projectId: null,
      verb: 'auth.setup',
      object: `user ${email}`,
      parameters: '{}',
      outcome: 'success',
      error: null,
    })
  })
  return true
}

async function insertFirstAdmin(tx: Transaction, data: { email: string; name: string; passwordHash: string }): Promise<User> {
  if ((await countUsers(tx)) > 0) throw new GantryError('wrong_state', 'the first administrator exists already', { remedy: 'sign in' })
  const user = toUser(await insertUser(tx, { ...data, hostAdmin: true }))
  if (!(await findProject(tx, DEFAULT_PROJECT))) await insertProject(tx, { id: DEFAULT_PROJECT, name: 'Default', limits: {} })
  return user
}

/** The agent may be down: reconciliation makes the project as soon as it answers. */
async function applyDefaultProject(backend: Backend): Promise<void> {
  await backend.agent
    .call('project.apply', { id: DEFAULT_PROJECT, resources: {} })
    .catch((error: unknown) => backend.log.warn('the default project waits for the agent', { error }))
}
