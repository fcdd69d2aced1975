import type { Stats } from '@gantry/contracts'
import type { Container } from './container.ts'
import type { Parts } from './parts.ts'

/** Counters now, of these containers as far as they run. */
export async function containerStats(parts: Pick<Parts, 'cgroups' | 'network'>, containers: readonly Container[]): Promise<Stats[]> {
  const running = containers.filter((container) => container.started)
  const [counters, networks] = await Promise.all([
    parts.cgroups.stats(running.map((container) => container.group)),
    parts.network.counters(running.map((container) => container.id)),
  ])
  return running.flatMap((container) => {
    const found = counters.get(container.id)
    const { name, projectId } = container
    return found ? [{ ...found, name, projectId, network: networks.get(container.id) ?? {} }] : []
  })
}

/** Counters every `intervalMs`, the first at once, until the container stops or the caller leaves. */
export async function* containerStatsStream(
  parts: Pick<Parts, 'cgroups' | 'network'>,
  container: Container,
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<Stats> {
  while (!signal.aborted && container.started) {
    const began = performance.now()
    const [stats] = await containerStats(parts, [container])
    if (!stats) return
    yield stats
    await pause(Math.max(0, intervalMs - (performance.now() - began)), container, signal)
  }
}

/** Resolves after the time, or when the container ends or the caller leaves. */
async function pause(ms: number, container: Container, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), ms)
  const leave = () => over.abort()
  signal.addEventListener('abort', leave, { once: true })
  try {
    await container.wait('next-exit', over.signal)
  } catch {
    // The time is up: that is what was waited for.
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
}
