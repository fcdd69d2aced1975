import type { ContainerSummary } from '@gantry/contracts'
import { matchesLabels } from '../lib/labels.ts'
import { summarise } from './inspect.ts'
import type { Parts } from './parts.ts'

export interface ListFilter {
  readonly projectId?: string
  /** Stopped ones too. */
  readonly all: boolean
  readonly labels?: readonly string[]
}

/** Containers of one project or of all, newest first. */
export function listContainers(parts: Pick<Parts, 'store' | 'network'>, filter: ListFilter): ContainerSummary[] {
  return parts.store
    .list(filter.projectId)
    .filter(
      (container) =>
        !container.record.forBuild && (filter.all || container.running) && matchesLabels(container.record.spec.labels, filter.labels),
    )
    .map((container) => summarise(parts, container))
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
}
