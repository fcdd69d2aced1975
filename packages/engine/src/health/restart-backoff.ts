import type { RestartPolicy } from '@gantry/contracts'

const FIRST_MS = 100
const LONGEST_MS = 60_000
/** A run at least this long counts as a success: the next delay starts over. */
const SETTLED_MS = 10_000

/**
 * Milliseconds to wait before the next start, docker's back-off: 100 ms, doubled up to a minute, reset by a run of 10 s.
 * @param previousDelayMs delay before the run that just ended; 0 for a start by hand
 */
export function nextRestartDelayMs(previousDelayMs: number, ranForMs: number): number {
  if (previousDelayMs === 0 || ranForMs >= SETTLED_MS) return FIRST_MS
  return Math.min(previousDelayMs * 2, LONGEST_MS)
}

export interface EndedRun {
  readonly exitCode: number
  /** Restarts made so far by the policy since the last start by hand. */
  readonly restartCount: number
  /** Stopped or killed on request. */
  readonly stoppedByUser: boolean
}

/** True when the policy wants the container started again after this run. */
export function shouldRestart(policy: RestartPolicy, run: EndedRun): boolean {
  if (run.stoppedByUser) return false
  switch (policy.name) {
    case 'no':
      return false
    case 'always':
    case 'unless-stopped':
      return true
    case 'on-failure':
      return run.exitCode !== 0 && (policy.maximumRetryCount === 0 || run.restartCount < policy.maximumRetryCount)
  }
}

/** True when a container that is not running should be started as the agent starts. */
export function shouldStartAtBoot(policy: RestartPolicy, last: { wasRunning: boolean; stoppedByUser: boolean; exitCode: number }): boolean {
  switch (policy.name) {
    case 'no':
      return false
    case 'always':
      return true
    case 'unless-stopped':
      return !last.stoppedByUser
    case 'on-failure':
      return last.wasRunning && !last.stoppedByUser && last.exitCode !== 0
  }
}
