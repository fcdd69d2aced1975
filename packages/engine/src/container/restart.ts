import type { Container } from './container.ts'
import { type Parts, emit } from './parts.ts'
import { startByHand } from './start.ts'
import { type StopOptions, stopLocked } from './stop.ts'

/** Stops the container when it runs, and starts it. */
export async function restartContainer(parts: Parts, container: Container, options: StopOptions, signal: AbortSignal): Promise<void> {
  await parts.locks.run(container.id, async () => {
    container.require('restart')
    if (container.running || container.state.status === 'restarting') await stopLocked(parts, container, options, signal)
    await startByHand(parts, container)
    emit(parts, container, 'restart')
  })
}
