import type { ByteChannel, DuplexMethod, InputOf, OutputOf } from '@gantry/contracts'
import { watchAccess } from '../access.ts'
import type { SignedIn } from '../backend.ts'
import type { Permission } from '../policy/permissions.ts'
import type { Scope } from '../use-case.ts'

/** Bytes both ways with something at the agent, until one side ends or the right to it is lost. */
export interface ByteStream<R> {
  channel: ByteChannel
  result: Promise<R>
}

/** Opens the stream for a caller that was authorised, and cuts it when `permission` in the project is lost. */
export function openByteStream<M extends DuplexMethod>(
  { backend, caller }: Scope,
  {
    method,
    input,
    permission,
    signal,
  }: { method: M; input: InputOf<M> & { projectId: string }; permission: Permission; signal: AbortSignal },
): ByteStream<OutputOf<M>> {
  const abort = new AbortController()
  const onAbort = () => abort.abort()
  if (signal.aborted) abort.abort()
  signal.addEventListener('abort', onAbort)
  const stopWatching = watchAccess(backend, caller as SignedIn, { permission, projectId: input.projectId }, onAbort)
  const { channel, result } = backend.agent.duplex(method, input, { signal: abort.signal })
  const over = () => {
    stopWatching()
    signal.removeEventListener('abort', onAbort)
  }
  result.then(over, over)
  return { channel, result }
}
