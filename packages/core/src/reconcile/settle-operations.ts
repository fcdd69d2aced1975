import { deleteOperation, listOperations, releaseHoldings } from '@gantry/db'
import type { Backend } from '../backend.ts'

/**
 * Settles intents that no running use case will settle: the gateway ended, or the database could not be written, between the
 * intent and its audit entry. Whether the agent did it is seen by comparing holdings; the log says that nobody knows.
 */
export async function settleOperations(backend: Backend): Promise<void> {
  for (const operation of await listOperations(backend.db.read)) {
    if (backend.inFlight.has(operation.id)) continue
    const { id, createdAt, ...about } = operation
    await backend.db.transaction(async (tx) => {
      const count = await deleteOperation(tx, id)
      if (count === 0) return
      await releaseHoldings(tx, id)
      const error = `unavailable: cut short, outcome unknown; it was asked for at ${createdAt.toISOString()}`
      await backend.audit.append(tx, { ...about, outcome: 'failed', error })
    })
  }
}
