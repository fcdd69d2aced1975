import { matchesLabels } from '../lib/labels.ts'
import { tellPruned } from '../event/tell-pruned.ts'
import type { Parts } from './parts.ts'
import { removeLocked } from './remove.ts'

/** Removes every container of the project that has stopped or never ran. */
export async function pruneContainers(
  parts: Parts,
  filter: { projectId: string; labels?: readonly string[]; notLabels?: readonly string[]; createdBefore?: string },
): Promise<{ removed: string[]; reclaimedBytes: number }> {
  const removed: string[] = []
  let reclaimedBytes = 0
  const before = filter.createdBefore === undefined ? Number.POSITIVE_INFINITY : Date.parse(filter.createdBefore)
  for (const container of parts.store.list(filter.projectId)) {
    const { createdAt, spec } = container.record
    if (!matchesLabels(spec.labels, filter.labels) || Date.parse(createdAt) >= before) continue
    if (filter.notLabels?.some((label) => matchesLabels(spec.labels, [label]))) continue
    await parts.locks.run(container.id, async () => {
      const { status } = container.state
      if (container.removed || !(status === 'created' || status === 'exited' || status === 'dead')) return
      const bytes = await parts.snapshots.usage(container.id)
      await removeLocked(parts, container, { volumes: false })
      removed.push(container.id)
      reclaimedBytes += bytes
    })
  }
  tellPruned(parts.events, 'container', filter.projectId, reclaimedBytes)
  return { removed, reclaimedBytes }
}
