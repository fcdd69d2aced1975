import { matchesLabels } from '../lib/labels.ts'
import type { Parts } from './parts.ts'
import { removeLocked } from './remove.ts'

/** Removes every container of the project that has stopped or never ran. */
export async function pruneContainers(
  parts: Parts,
  filter: { projectId: string; labels?: readonly string[] },
): Promise<{ removed: string[]; reclaimedBytes: number }> {
  const removed: string[] = []
  let reclaimedBytes = 0
  for (const container of parts.store.list(filter.projectId)) {
    if (!matchesLabels(container.record.spec.labels, filter.labels)) continue
    await parts.locks.run(container.id, async () => {
      const { status } = container.state
      if (container.removed || !(status === 'created' || status === 'exited' || status === 'dead')) return
      const bytes = await parts.snapshots.usage(container.id)
      await removeLocked(parts, container, { volumes: false })
      removed.push(container.id)
      reclaimedBytes += bytes
    })
  }
  return { removed, reclaimedBytes }
}
