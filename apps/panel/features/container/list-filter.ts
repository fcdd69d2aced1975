import { type ContainerStatus, containerStatuses, type PanelContainer } from '@gantry/contracts'
import { parseAsArrayOf, parseAsBoolean, parseAsString, parseAsStringLiteral } from 'nuqs/server'

export const columnNames = ['status', 'image', 'cpu', 'memory', 'pids', 'ports', 'networks', 'created', 'createdBy', 'project'] as const
export type ColumnName = (typeof columnNames)[number]
export const defaultColumns: ColumnName[] = ['status', 'image', 'cpu', 'memory', 'ports', 'created']

/** The list's state in the address. */
export const listParsers = {
  q: parseAsString.withDefault(''),
  status: parseAsArrayOf(parseAsStringLiteral(containerStatuses)).withDefault([]),
  image: parseAsString.withDefault(''),
  label: parseAsString.withDefault(''),
  sort: parseAsString.withDefault('name'),
  columns: parseAsArrayOf(parseAsStringLiteral(columnNames)).withDefault(defaultColumns),
  all: parseAsBoolean.withDefault(false),
}

export type ListFilter = { q: string; status: readonly ContainerStatus[]; image: string; label: string }

/** Containers that match every filter given. The search looks at name, image, id and command. */
export function filterContainers<C extends Pick<PanelContainer, 'name' | 'image' | 'id' | 'command' | 'labels' | 'state'>>(
  containers: readonly C[],
  filter: ListFilter,
): C[] {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean)
  const [key, value] = splitLabel(filter.label)
  return containers.filter((container) => {
    if (filter.status.length > 0 && !filter.status.includes(container.state.status)) return false
    if (filter.image && container.image !== filter.image) return false
    if (key && !(key in container.labels)) return false
    if (key && value !== undefined && container.labels[key] !== value) return false
    const text = `${container.name} ${container.image} ${container.id} ${container.command.join(' ')}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

function splitLabel(label: string): [key: string, value: string | undefined] {
  const at = label.indexOf('=')
  return at < 0 ? [label.trim(), undefined] : [label.slice(0, at).trim(), label.slice(at + 1)]
}

/** `-cpu` is cpu, largest first. */
export function parseSort(sort: string): { id: string; desc: boolean } {
  return sort.startsWith('-') ? { id: sort.slice(1), desc: true } : { id: sort, desc: false }
}
