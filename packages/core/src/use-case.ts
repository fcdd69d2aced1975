import { randomUUID } from 'node:crypto'
import { type AuditEntry, GantryError, type Role, type User, invalidInput } from '@gantry/contracts'
import { type Transaction, deleteOperation, insertOperation, releaseHoldings } from '@gantry/db'
import type { z } from 'zod'
import { authorise } from './access.ts'
import type { AuditDraft } from './audit/audit-log.ts'
import { redactedParameters } from './audit/redact.ts'
import type { Backend, Caller } from './backend.ts'
import { type Permission, isProjectPermission } from './policy/permissions.ts'

/**
 * What a use case does beside answering:
 * - `read`: nothing, and nothing is written down.
 * - `database`: it changes rows, in one transaction with its audit entry: both are there or neither.
 * - `agent`: it changes what the agent owns, which no transaction can hold. So the intent is committed first; if that cannot
 *   be written, nothing is done. What was done is settled in one transaction with the audit entry. An intent without an
 *   entry tells of a change that was cut short; `reconcile` settles it.
 */
export type Effect = 'read' | 'database' | 'agent'

/** What `run` works with. */
export interface Scope<U extends User | null = User> {
  readonly backend: Backend
  readonly caller: Caller
  readonly user: U
  /** In the project of the input; `viewer` where no single project is meant. */
  readonly role: Role
  /** Names this change at the agent, so that repeating it does nothing twice. */
  readonly operationId: string
  /** What the audit entry says it was done to; may be made more telling while running. */
  object: string
  /** Who the audit entry names, where nobody is signed in yet. */
  actor: { id: string | null; name: string }
  /** Writes the change's rows and its audit entry in one transaction. At most once; without it only the entry is written. */
  commit<T>(write: (tx: Transaction) => Promise<T>): Promise<T>
}

interface Definition<S extends z.ZodType, O, P extends Permission, A, B> {
  /** `container.create`: the word in the audit log. */
  verb: string
  permission: P
  effect: Effect
  input: S
  /** `container web` */
  object?: (input: z.output<S>) => string
  /** The project meant; by default the input's `projectId`. */
  project?: (input: z.output<S>) => string | undefined
  /** A read over all projects the caller can see; it must ask for those only. */
  acrossProjects?: boolean
  /** What `admit` needs to know from the agent; asked for before the transaction, which must not wait for anybody. */
  prepare?: (scope: AdmitScope, input: z.output<S>) => Promise<B>
  /** Part of the transaction that writes the intent (`agent` only): locks, counts, reserves. Throwing refuses the change. */
  admit?: (tx: Transaction, scope: AdmitScope, input: z.output<S>, prepared: B) => Promise<A>
  /** Takes back what `admit` wrote, other than holdings; those are released anyhow. */
  release?: (tx: Transaction, input: z.output<S>) => Promise<unknown>
  run: (scope: Scope<P extends 'public' ? User | null : User>, input: z.output<S>, admitted: A) => Promise<O>
}
export interface AdmitScope {
  backend: Backend
  user: User
  role: Role
  operationId: string
}

export interface UseCase<S extends z.ZodType = z.ZodType, O = unknown> {
  readonly verb: string
  readonly permission: Permission
  readonly effect: Effect
  readonly input: S
  /** Authorises, does it, and writes it down. `input` is checked against the schema first. */
  execute(backend: Backend, caller: Caller, input: unknown): Promise<O>
}

/** Makes a use case. There is no other way to one, so none goes without permission and audit. */
export function useCase<S extends z.ZodType, O, P extends Permission, A = undefined, B = undefined>(
  definition: Definition<S, O, P, A, B>,
): UseCase<S, O> {
  const { verb, permission, effect, input: schema } = definition
  return {
    verb,
    permission,
    effect,
    input: schema,
    async execute(backend, caller, given) {
      const parsed = schema.safeParse(given)
      if (!parsed.success) throw invalidInput(parsed.error)
      return new Execution(definition, backend, caller, parsed.data).execute()
    },
  }
}

class Execution<S extends z.ZodType, O, P extends Permission, A, B> {
  readonly #definition: Definition<S, O, P, A, B>
  readonly #backend: Backend
  readonly #caller: Caller
  readonly #input: z.output<S>
  readonly #projectId: string | undefined
  readonly #operationId = randomUUID()
  #object: string
  #actor: { id: string | null; name: string }
  /** As it is at the start: running changes nothing of it. */
  readonly #parameters: string
  #intended = false
  #committed = false

  constructor(definition: Definition<S, O, P, A, B>, backend: Backend, caller: Caller, input: z.output<S>) {
    this.#definition = definition
    this.#backend = backend
    this.#caller = caller
    this.#input = input
    this.#projectId = definition.project ? definition.project(input) : (input as { projectId?: string } | undefined)?.projectId
    this.#object = definition.object?.(input) ?? ''
    this.#parameters = definition.effect === 'read' ? '' : redactedParameters(input)
    this.#actor = { id: caller.user?.id ?? null, name: caller.user?.email ?? 'nobody' }
  }

  async execute(): Promise<O> {
    const { effect } = this.#definition
    if (effect === 'read') return this.#run(await this.#authorise(), undefined as A)
    this.#backend.inFlight.add(this.#operationId)
    try {
      const grant = await this.#authorise()
      const admitted = effect === 'agent' ? await this.#intend(grant) : (undefined as A)
      const output = await this.#run(grant, admitted)
      if (!this.#committed) await this.#commit(async () => undefined)
      return output
    } catch (error) {
      await this.#settleFailure(error)
      throw error
    } finally {
      this.#backend.inFlight.delete(this.#operationId)
    }
  }

  async #authorise(): Promise<{ user: User | null; role: Role }> {
    const { permission, acrossProjects, effect, verb } = this.#definition
    if (isProjectPermission(permission) && this.#projectId === undefined && !(acrossProjects && effect === 'read')) {
      throw new GantryError('internal', `${verb} names no project`)
    }
    const { user, role } = await authorise(this.#backend, this.#caller, permission, this.#projectId)
    return { user, role: role ?? 'viewer' }
  }

  async #intend({ user, role }: { user: User | null; role: Role }): Promise<A> {
    if (!user) throw new GantryError('unauthenticated', 'not signed in')
    const { admit, prepare } = this.#definition
    const scope = { backend: this.#backend, user, role, operationId: this.#operationId }
    const prepared = prepare ? await prepare(scope, this.#input) : (undefined as B)
    const admitted = await this.#backend.db.transaction(async (tx) => {
      const { actorId, actor, address, projectId, verb, object, parameters } = this.#draft('success', null)
      await insertOperation(tx, { id: this.#operationId, actorId, actor, address, projectId, verb, object, parameters })
      return admit ? admit(tx, scope, this.#input, prepared) : (undefined as A)
    })
    this.#intended = true
    return admitted
  }

  #run({ user, role }: { user: User | null; role: Role }, admitted: A): Promise<O> {
    const execution = this
    const scope: Scope<User | null> = {
      backend: this.#backend,
      caller: this.#caller,
      user,
      role,
      operationId: this.#operationId,
      get object() {
        return execution.#object
      },
      set object(object) {
        execution.#object = object
      },
      get actor() {
        return execution.#actor
      },
      set actor(actor) {
        execution.#actor = actor
      },
      commit: (write) => this.#commit(write),
    }
    return this.#definition.run(scope as Scope<P extends 'public' ? User | null : User>, this.#input, admitted)
  }

  async #commit<T>(write: (tx: Transaction) => Promise<T>): Promise<T> {
    if (this.#committed) throw new GantryError('internal', `${this.#definition.verb} commits twice`)
    const written = await this.#backend.db.transaction(async (tx) => {
      const result = await write(tx)
      if (this.#intended) await this.#settleOperation(tx)
      await this.#backend.audit.append(tx, this.#draft('success', null))
      return result
    })
    this.#committed = true
    if (outlivesPower(this.#definition.permission)) await this.#backend.db.flush()
    return written
  }

  /** The entry of what did not happen. When even that cannot be written, an intent stays behind for `reconcile`. */
  async #settleFailure(error: unknown): Promise<void> {
    if (this.#committed || !this.#isWorthAnEntry(error)) return
    try {
      await this.#backend.db.transaction(async (tx) => {
        if (this.#intended) {
          await this.#settleOperation(tx)
          await this.#definition.release?.(tx, this.#input)
        }
        await this.#backend.audit.append(tx, this.#draft(outcomeOf(error), errorText(error)))
      })
    } catch (cause) {
      this.#backend.log.error('a failed change could not be written to the audit log', { verb: this.#definition.verb, error, cause })
    }
  }

  /** What strangers send costs them nothing, so it must cost the log nothing: wrong passwords are in it, and those are delayed. */
  #isWorthAnEntry(error: unknown): boolean {
    if (error instanceof GantryError && error.code === 'rate_limited') return false
    return this.#caller.user !== null || this.#definition.permission === 'public'
  }

  async #settleOperation(tx: Transaction): Promise<void> {
    await releaseHoldings(tx, this.#operationId)
    await deleteOperation(tx, this.#operationId)
  }

  #draft(outcome: AuditEntry['outcome'], error: string | null): AuditDraft {
    return {
      actorId: this.#actor.id,
      actor: this.#actor.name,
      address: this.#caller.address,
      projectId: this.#projectId ?? null,
      verb: this.#definition.verb,
      object: this.#object,
      parameters: this.#parameters,
      outcome,
      error,
    }
  }
}

/**
 * People, rights, limits and policy: they are in the database alone, so a change that was acknowledged must be on the disk. What was
 * done to containers, images, volumes and networks the agent can be asked for; see docs/adr/0011.
 */
function outlivesPower(permission: Permission): boolean {
  return !/^(container|image|volume|network)\./.test(permission)
}

const denials = new Set(['unauthenticated', 'forbidden', 'quota_exceeded', 'rate_limited'])

/** `denied`: it was refused by who asks or how much is left; `failed`: it was tried. */
export function outcomeOf(error: unknown): 'denied' | 'failed' {
  return error instanceof GantryError && denials.has(error.code) ? 'denied' : 'failed'
}

/** `code: message`; what is no `GantryError` is not for readers of the log. */
export function errorText(error: unknown): string {
  return error instanceof GantryError ? `${error.code}: ${error.message}` : 'internal: internal error'
}
