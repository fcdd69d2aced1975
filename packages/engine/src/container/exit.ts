import type { Op } from '@gantry/contracts'
import { shouldRestart, nextRestartDelayMs } from '../health/restart-backoff.ts'
import type { ProcessExit } from '../kernel/kernel.ts'
import { stopHealth } from './health.ts'
import type { Container } from './container.ts'
import { emit, monitorDir, type Parts } from './parts.ts'
import { removeLocked } from './remove.ts'
import { startLocked } from './start.ts'

/**
 * A container's process has ended: the state changes and waiters are told at once; what the run held is released afterwards, and
 * then the restart policy or automatic removal has its say.
 */
export function runEnded(parts: Parts, container: Container, exit: ProcessExit): void {
  if (container.starting) {
    container.earlyExit = exit
    return
  }
  if (!container.started) return
  container.started = undefined
  stopHealth(container)
  const { state, record } = container
  const ranForMs = Math.max(0, Date.parse(exit.finishedAt) - Date.parse(state.startedAt))
  const run = { exitCode: exit.exitCode, restartCount: state.restartCount, stoppedByUser: container.stoppedByUser }
  const again = !container.removed && shouldRestart(record.spec.restart, run)
  container.state = {
    ...state,
    status: again ? 'restarting' : 'exited',
    pid: 0,
    exitCode: exit.exitCode,
    oomKilled: exit.oomKilled,
    finishedAt: exit.finishedAt,
  }
  if (exit.oomKilled) emit(parts, container, 'oom')
  emit(parts, container, 'die', { exitCode: String(exit.exitCode), execDuration: String(Math.round(ranForMs / 1000)) })
  container.cleanup = settleRun(parts, container)
  container.notify('next-exit')
  if (again) scheduleRestart(parts, container, ranForMs)
  else {
    container.notify('not-running')
    if (record.spec.autoRemove) void autoRemove(parts, container)
  }
}

/** Gives back what the run held and writes the state, after the waiters have been answered. Never rejects. */
async function settleRun(parts: Parts, container: Container): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  const complain = (what: string) => (error: unknown) =>
    parts.config.log('error', `${what} failed after the end of a container`, { container: container.id, error: String(error) })
  await Promise.all([
    releaseRun(parts, container).catch(complain('release')),
    // The monitor has flushed its record of the exit.
    parts.store.saveState(container, { durable: false }).catch(complain('writing the state')),
  ])
  container.cleanup = undefined
}

/** Network, cgroup, the monitor's folder and what volumes mounted of a run. Idempotent: also the undo of a failed start. */
export async function releaseRun(parts: Parts, container: Container): Promise<void> {
  // With a viewer about to connect, the folder stays until the next start or the removal.
  const folder: Op[] = container.openingViewers > 0 ? [] : [['rmtree', monitorDir(parts.config, container.id)]]
  await Promise.all([parts.network.release(container.id), removeGroup(parts, container, folder)])
  await parts.volumes.detach(container.id)
}

/** Whatever is left in the group (a process that left the pid namespace's reach) goes with it. */
async function removeGroup(parts: Parts, container: Container, folder: readonly Op[]): Promise<void> {
  const ops = [...parts.cgroups.removeOps(container.group), ...folder]
  try {
    await parts.kernel.ops(ops)
  } catch {
    await parts.cgroups.killAll(container.group)
    await parts.kernel.ops(ops)
  }
  parts.cgroups.closeParent(container.group)
}

function scheduleRestart(parts: Parts, container: Container, ranForMs: number): void {
  container.restartDelayMs = nextRestartDelayMs(container.restartDelayMs, ranForMs)
  container.restartTimer = setTimeout(() => void restartByPolicy(parts, container), container.restartDelayMs)
}

/** One automatic restart; a failed start counts as a run that ended at once. */
export async function restartByPolicy(parts: Parts, container: Container): Promise<void> {
  await parts.locks.run(container.id, async () => {
    if (container.state.status !== 'restarting' || container.removed || container.stoppedByUser) return
    container.state.restartCount++
    try {
      await startLocked(parts, container)
    } catch (error) {
      parts.config.log('warn', 'automatic restart failed', { container: container.id, error: String(error) })
      retryFailedStart(parts, container)
    }
  })
}

function retryFailedStart(parts: Parts, container: Container): void {
  const { state, record } = container
  const run = { exitCode: state.exitCode, restartCount: state.restartCount, stoppedByUser: container.stoppedByUser }
  if (shouldRestart(record.spec.restart, run)) {
    container.state.status = 'restarting'
    scheduleRestart(parts, container, 0)
  } else container.notify('next-exit', 'not-running')
}

/** `--rm`: the container and its anonymous volumes go once its run is over. */
async function autoRemove(parts: Parts, container: Container): Promise<void> {
  try {
    await parts.locks.run(container.id, async () => {
      if (!container.removed && !container.running) await removeLocked(parts, container, { volumes: true })
    })
  } catch (error) {
    parts.config.log('error', 'automatic removal failed', { container: container.id, error: String(error) })
  }
}
