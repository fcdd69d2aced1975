import type { ContainerState, Healthcheck } from '@gantry/contracts'

export type Health = NonNullable<ContainerState['health']>
type HealthResult = Health['log'][number]

export interface HealthProberOptions {
  readonly check: Healthcheck
  /** Runs the probe in the container. Must kill it when `signal` aborts. `output` is stdout and stderr together. */
  readonly run: (command: readonly string[], signal: AbortSignal) => Promise<{ exitCode: number; output: string }>
  /** Every result, for state.json (not every one is an event). */
  readonly onResult: (health: Health) => void
  /** The status changed: emit `health_status: <status>`. */
  readonly onChange: (status: Health['status']) => void
  /** Last known health, of a container that an earlier agent started. */
  readonly initial?: Health
}
export interface HealthProber {
  readonly health: Health
  /** The container has started, or was adopted or resumed: pass its start time, which the start period counts from. */
  start(startedAtMs?: number): void
  /** The container has stopped or is paused; a running probe is killed and its result dropped. */
  stop(): void
}

const RESULTS_KEPT = 5
const OUTPUT_KEPT_CHARS = 4096

/** The command to run, or null for a check that is switched off. */
export function probeCommand(test: readonly string[]): readonly string[] | null {
  const [kind, ...args] = test
  if (kind === 'NONE') return null
  if (kind === 'CMD-SHELL') return ['/bin/sh', '-c', args.join(' ')]
  return kind === 'CMD' ? args : test
}

/**
 * Docker's health check. Probes follow one another at the interval, counted from the end of the one before; a probe that
 * exceeds its timeout is killed and counts as failed (exit code -1). During the start period failures do not count and the
 * start interval applies, until the first success. `test: ["NONE"]` never probes and stays `none`.
 */
export function createHealthProber(options: HealthProberOptions): HealthProber {
  const { check, onChange, onResult } = options
  const command = probeCommand(check.test)
  let health: Health = options.initial ?? { status: command ? 'starting' : 'none', failingStreak: 0, log: [] }
  let run: AbortController | undefined

  const settle = (result: HealthResult, inStartPeriod: boolean) => {
    const before = health.status
    health = nextHealth(health, result, { retries: check.retries, inStartPeriod })
    onResult(health)
    if (health.status !== before) onChange(health.status)
  }
  const isStarting = (startedAtMs: number) => health.status === 'starting' && Date.now() - startedAtMs < check.startPeriodMs

  const loop = async (probe: readonly string[], startedAtMs: number, signal: AbortSignal) => {
    for (;;) {
      await sleep(isStarting(startedAtMs) ? check.startIntervalMs : check.intervalMs, signal)
      if (signal.aborted) return
      const result = await probeOnce(options, probe, signal)
      if (signal.aborted) return
      settle(result, isStarting(startedAtMs))
    }
  }
  return {
    get health() {
      return health
    },
    start(startedAtMs = Date.now()) {
      run?.abort()
      if (!command) return
      run = new AbortController()
      void loop(command, startedAtMs, run.signal)
    },
    stop() {
      run?.abort()
      run = undefined
    },
  }
}

/** The state after one more result. Pure. */
export function nextHealth(health: Health, result: HealthResult, rule: { retries: number; inStartPeriod: boolean }): Health {
  const log = [...health.log, result].slice(-RESULTS_KEPT)
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log }
  if (rule.inStartPeriod) return { ...health, log }
  const failingStreak = health.failingStreak + 1
  return { status: failingStreak >= rule.retries ? 'unhealthy' : health.status, failingStreak, log }
}

/** Never rejects: a probe that cannot even be run has failed. */
async function probeOnce(options: HealthProberOptions, command: readonly string[], stopped: AbortSignal): Promise<HealthResult> {
  const { timeoutMs } = options.check
  const start = new Date().toISOString()
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeoutMs)
  const late = { exitCode: -1, output: `Health check exceeded timeout (${timeoutMs} ms)` }
  try {
    const expired = new Promise<typeof late>((resolve) => timeout.signal.addEventListener('abort', () => resolve(late)))
    const { exitCode, output } = await Promise.race([options.run(command, AbortSignal.any([stopped, timeout.signal])), expired])
    return { start, end: new Date().toISOString(), exitCode, output: cut(output) }
  } catch (error) {
    const output = timeout.signal.aborted ? late.output : error instanceof Error ? error.message : String(error)
    return { start, end: new Date().toISOString(), exitCode: -1, output: cut(output) }
  } finally {
    clearTimeout(timer)
  }
}

function cut(output: string): string {
  return output.length <= OUTPUT_KEPT_CHARS ? output : `${output.slice(0, OUTPUT_KEPT_CHARS)}...`
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
