import { signalNumber } from '../lib/signals.ts'
import type { Container } from './container.ts'
import { type Parts, emit } from './parts.ts'
import { endRestarting, killAndWait, thawFirst } from './stop.ts'

const SIGKILL = 9
/** Signals that end a process which does nothing about them, so that a policy does not start the container again (docker's rule). */
const stopping = new Set([2, 3, 9, 15])

/** Sends a signal to the container's main process. SIGKILL goes to every process of it and is waited for. */
export async function killContainer(parts: Parts, container: Container, signal: string): Promise<void> {
  const number = signalNumber(signal)
  await parts.locks.run(container.id, async () => {
    container.require('kill')
    if (container.state.status === 'restarting') {
      container.stoppedByUser = true
      await endRestarting(parts, container)
      return
    }
    if (number === SIGKILL) {
      await thawFirst(parts, container)
      await killAndWait(parts, container)
      return
    }
    if (stopping.has(number) || number === signalNumber(container.record.spec.stopSignal ?? 'SIGTERM')) container.stoppedByUser = true
    if (container.started) parts.signal(container.started, number)
    emit(parts, container, 'kill', { signal: String(number) })
  })
}
