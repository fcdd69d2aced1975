import type { EngineEvent } from '@gantry/contracts'
import type { EventBus } from '../ports.ts'

/** Docker's event behind those of the things that a prune removed. */
export function tellPruned(events: Pick<EventBus, 'emit'>, type: EngineEvent['type'], projectId: string, reclaimedBytes: number): void {
  events.emit({ type, action: 'prune', id: '', projectId, attributes: { reclaimed: String(reclaimedBytes) } })
}
