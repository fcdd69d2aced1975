import { containerDefaults } from '@gantry/contracts'
import { withDeadline } from '../lib/deadline.ts'
import { signalNumber } from '../lib/signals.ts'
import type { Container } from './container.ts'
import { type Parts, emit } from './parts.ts'

export interface StopOptions {
  /** Seconds between the stop signal and SIGKILL; -1 waits for ever. */
  readonly timeoutSeconds?: number
  readonly signal?: string
}
const SIGKILL = 9
/** A process that is stuck in the kernel (a dead network file system) does not end. */
const killDeadlineMs = 30_000

/** Stop signal, grace, then SIGKILL to the whole group. Resolves when the container has ended and given back what it held. */
export async function stopContainer(parts: Parts, container: Container, options: StopOptions, signal: AbortSignal): Promise<void> {
  await parts.locks.run(container.id, async () => {
    container.require('stop')
    await stopLocked(parts, container, options, signal)
  })
}

/** The caller holds the lock; the container is running, paused or waiting for its restart. */
export async function stopLocked(parts: Parts, container: Container, options: StopOptions, signal: AbortSignal): Promise<void> {
  container.stoppedByUser = true
  if (container.state.status === 'restarting') {
    await endRestarting(parts, container)
  } else {
    const { spec } = container.record
    const number = signalNumber(options.signal ?? spec.stopSignal ?? containerDefaults.stopSignal)
    const grace = options.timeoutSeconds ?? spec.stopTimeoutSeconds ?? containerDefaults.stopTimeoutSeconds
    await thawFirst(parts, container)
    emit(parts, container, 'kill', { signal: String(number) })
    if (container.started) parts.signal(container.started, number)
    if (!(await endsWithin(container, grace, signal))) await killAndWait(parts, container)
  }
  await container.cleanup
  emit(parts, container, 'stop')
}

/** SIGKILL to everything in the container, and waits for the end. The caller holds the lock. */
export async function killAndWait(parts: Parts, container: Container): Promise<void> {
  container.stoppedByUser = true
  if (container.started) {
    emit(parts, container, 'kill', { signal: String(SIGKILL) })
    const { started } = container
    await withDeadline(`the end of container ${container.name} after SIGKILL`, killDeadlineMs, async (signal) => {
      const ended = container.wait('next-exit', signal)
      parts.signal(started, SIGKILL)
      await Promise.all([parts.cgroups.killAll(container.group), ended])
    })
  }
  await container.cleanup
}

/** A frozen process receives no signal. */
export async function thawFirst(parts: Parts, container: Container): Promise<void> {
  if (container.state.status !== 'paused') return
  await parts.cgroups.thaw(container.group)
  container.state.status = 'running'
}

/** Between two automatic restarts there is nothing to kill, only a timer to stop. */
export async function endRestarting(parts: Parts, container: Container): Promise<void> {
  clearTimeout(container.restartTimer)
  container.state.status = 'exited'
  await parts.store.saveState(container, { durable: true })
  container.notify('not-running')
}

/** False when the container still runs after the grace. An abort of the caller leaves the container as it is then. */
async function endsWithin(container: Container, seconds: number, signal: AbortSignal): Promise<boolean> {
  if (!container.started) return true
  const expired = new AbortController()
  const timer = seconds < 0 ? undefined : setTimeout(() => expired.abort(), seconds * 1000)
  try {
    await container.wait('next-exit', AbortSignal.any([expired.signal, signal]))
    return true
  } catch (error) {
    if (signal.aborted) throw error
    return false
  } finally {
    clearTimeout(timer)
  }
}
