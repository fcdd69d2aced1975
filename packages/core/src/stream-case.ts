import { GantryError, type Role, type User, invalidInput } from '@gantry/contracts'
import type { z } from 'zod'
import { authorise, watchAccess } from './access.ts'
import type { Backend, Caller, SignedIn } from './backend.ts'
import { type Permission, isProjectPermission } from './policy/permissions.ts'

export interface StreamScope {
  readonly backend: Backend
  readonly caller: SignedIn
  readonly user: User
  /** In the project of the input; `viewer` where no single project is meant. */
  readonly role: Role
  /** Aborts when the reader goes away or loses the right to read. */
  readonly signal: AbortSignal
}

interface Definition<S extends z.ZodType, T> {
  verb: string
  permission: Exclude<Permission, 'public'>
  input: S
  /** Over all projects the caller can see; it must ask for those only. */
  acrossProjects?: boolean
  run: (scope: StreamScope, input: z.output<S>) => AsyncIterable<T>
}

export interface StreamCase<S extends z.ZodType = z.ZodType, T = unknown> {
  readonly verb: string
  readonly permission: Permission
  readonly input: S
  /** Authorises, then yields; fails when the right to read is lost on the way. */
  execute(backend: Backend, caller: Caller, input: unknown, signal?: AbortSignal): AsyncGenerator<T>
}

/** A use case that goes on answering. It changes nothing, so it is not written down. */
export function streamCase<S extends z.ZodType, T>(definition: Definition<S, T>): StreamCase<S, T> {
  const { verb, permission, input: schema, acrossProjects = false } = definition
  return {
    verb,
    permission,
    input: schema,
    async *execute(backend, caller, given, signal) {
      const parsed = schema.safeParse(given)
      if (!parsed.success) throw invalidInput(parsed.error)
      const { projectId } = parsed.data as { projectId?: string }
      if (isProjectPermission(permission) && projectId === undefined && !acrossProjects) {
        throw new GantryError('internal', `${verb} names no project`)
      }
      const { role } = await authorise(backend, caller, permission, projectId)
      const signedIn = caller as SignedIn
      yield* whileAllowed(backend, signedIn, { permission, projectId, signal }, (inner) =>
        definition.run({ backend, caller: signedIn, user: signedIn.user, role: role ?? 'viewer', signal: inner }, parsed.data),
      )
    },
  }
}

async function* whileAllowed<T>(
  backend: Backend,
  caller: SignedIn,
  asked: { permission: Permission; projectId: string | undefined; signal: AbortSignal | undefined },
  open: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const abort = new AbortController()
  let loss: GantryError | undefined
  const stopWatching = watchAccess(backend, caller, asked, (reason) => {
    loss = reason
    abort.abort()
  })
  const onAbort = () => abort.abort()
  if (asked.signal?.aborted) abort.abort()
  asked.signal?.addEventListener('abort', onAbort)
  try {
    yield* open(abort.signal)
  } catch (error) {
    // A stream that we cancelled ourselves says `cancelled`; that is news to nobody.
    if (!abort.signal.aborted) throw error
  } finally {
    stopWatching()
    asked.signal?.removeEventListener('abort', onAbort)
    abort.abort()
  }
  if (loss) throw loss
}
