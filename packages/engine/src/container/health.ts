import { createHealthProber } from '../health/health-prober.ts'
import { execSpecSchema } from '@gantry/contracts'
import { runExec } from '../exec/run-exec.ts'
import type { Container } from './container.ts'
import { type Parts, emit } from './parts.ts'

/** Begins probing a container that has just started (or was found running) and has a health check. */
export function watchHealth(parts: Parts, container: Container): void {
  const check = container.record.spec.healthcheck
  if (!check) return
  container.prober?.stop()
  const prober = createHealthProber({
    check,
    run: (command, signal) => probe(parts, container, command, signal),
    onResult: (health) => {
      container.state.health = health
    },
    onChange: (status) => {
      emit(parts, container, `health_status: ${status}`)
      parts.store
        .saveState(container, { durable: false })
        .catch((error) => parts.config.log('error', 'writing the state failed', { container: container.id, error: String(error) }))
    },
  })
  container.prober = prober
  container.state.health = prober.health
  prober.start(Date.parse(container.state.startedAt))
}

export function stopHealth(container: Container): void {
  container.prober?.stop()
  container.prober = undefined
}

async function probe(parts: Parts, container: Container, command: readonly string[], signal: AbortSignal) {
  const { exitCode, stdout, stderr } = await runExec(parts, container, { spec: execSpecSchema.parse({ command }) }, signal)
  return { exitCode, output: stdout + stderr }
}
