import type { ContainerState, Healthcheck } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'

export type Health = NonNullable<ContainerState['health']>
export interface HealthProberOptions {
  readonly check: Healthcheck
  /** Runs the probe in the container. Must kill it when `signal` aborts. `output` is stdout and stderr together. */
  readonly run: (command: readonly string[], signal: AbortSignal) => Promise<{ exitCode: number; output: string }>
  /** Every result, for state.json (not every one is an event). */
  readonly onResult: (health: Health) => void
  /** The status changed: emit `health_status: <status>`. */
  readonly onChange: (status: Health['status']) => void
}
export interface HealthProber {
  readonly health: Health
  /** The container has started (or was adopted: pass its start time). */
  start(startedAtMs?: number): void
  /** The container has stopped or is paused; a running probe is killed. */
  stop(): void
}

/** Docker's health check: interval, timeout, retries, start period, last five results. `test: ["NONE"]` never probes. */
export function createHealthProber(_options: HealthProberOptions): HealthProber {
  throw new GantryError('unsupported', 'health checks are not available yet')
}
