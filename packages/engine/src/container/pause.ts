import type { Container } from './container.ts'
import { stopHealth, watchHealth } from './health.ts'
import { type Parts, emit } from './parts.ts'

/** Freezes every process of the container; resolves when the kernel reports it. */
export async function pauseContainer(parts: Parts, container: Container): Promise<void> {
  await parts.locks.run(container.id, async () => {
    container.require('pause')
    await parts.cgroups.freeze(container.group)
    // It may have ended while it was being frozen.
    container.require('pause')
    container.state.status = 'paused'
    stopHealth(container)
    emit(parts, container, 'pause')
    await parts.store.saveState(container, { durable: false })
  })
}

/** Lets a paused container go on. */
export async function unpauseContainer(parts: Parts, container: Container): Promise<void> {
  await parts.locks.run(container.id, async () => {
    container.require('unpause')
    await parts.cgroups.thaw(container.group)
    container.require('unpause')
    container.state.status = 'running'
    watchHealth(parts, container)
    emit(parts, container, 'unpause')
    await parts.store.saveState(container, { durable: false })
  })
}
