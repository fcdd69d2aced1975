import type { ContainerRow } from '@gantry/contracts'
import { matchesLabels } from '../lib/labels.ts'
import type { Container } from './container.ts'
import { resolvedMounts, summarise } from './inspect.ts'
import type { Parts } from './parts.ts'

export interface ListFilter {
  readonly projectId?: string
  /** Stopped ones too. */
  readonly all: boolean
  readonly labels?: readonly string[]
  readonly details?: boolean
  readonly size?: boolean
}

type ListParts = Pick<Parts, 'store' | 'network' | 'snapshots'>

/** Containers of one project or of all, newest first. */
export async function listContainers(parts: ListParts, filter: ListFilter): Promise<ContainerRow[]> {
  const found = parts.store
    .list(filter.projectId)
    .filter(
      (container) =>
        !container.record.forBuild && (filter.all || container.running) && matchesLabels(container.record.spec.labels, filter.labels),
    )
  const rows: ContainerRow[] = []
  for (const container of found) rows.push(await toRow(parts, container, filter))
  return rows.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
}

async function toRow(parts: ListParts, container: Container, { details, size }: ListFilter): Promise<ContainerRow> {
  const { id, record } = container
  const row: ContainerRow = summarise(parts, container)
  if (details) {
    const { image, networkMode, exposedPorts } = record.spec
    const wantedNetworks = record.spec.endpoints.map(({ network }) => network)
    row.details = {
      image,
      endpoints: parts.network.endpoints(id),
      mounts: resolvedMounts(container),
      networkMode,
      wantedNetworks,
      exposedPorts,
    }
  }
  if (size) row.sizeRwBytes = await parts.snapshots.usage(id)
  return row
}
