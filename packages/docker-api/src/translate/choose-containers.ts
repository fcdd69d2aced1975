import { type ContainerRow, GantryError, containerStatuses } from '@gantry/contracts'
import type { Filters } from '../filters.ts'
import { namePattern } from './name-pattern.ts'

/** Keys that GET /containers/json knows. */
export const containerFilters = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'label!',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
]
const healths: readonly string[] = ['none', 'starting', 'healthy', 'unhealthy']

/** The rows that were asked for; `rows` come newest first. */
export function chooseContainers(
  rows: readonly ContainerRow[],
  { all, limit, filters }: { all: boolean; limit: number; filters: Filters },
): ContainerRow[] {
  check(filters)
  const stoppedToo = all || limit > 0 || filters.has('status')
  const between = window(rows, filters)
  const tests = compile(filters)
  const found = between.filter(
    (row) => (stoppedToo || row.state.pid > 0 || row.state.status === 'restarting') && tests.every((test) => test(row)),
  )
  return limit > 0 ? found.slice(0, limit) : found
}

function check(filters: Filters): void {
  const refuse = (key: string, value: string) =>
    new GantryError('invalid_input', `invalid filter '${key}=${value}'`, { field: 'filters', value })
  for (const value of filters.get('status')) if (!(containerStatuses as readonly string[]).includes(value)) throw refuse('status', value)
  for (const value of filters.get('health')) if (!healths.includes(value)) throw refuse('health', value)
  for (const value of filters.get('exited')) if (!/^-?\d{1,9}$/.test(value)) throw refuse('exited', value)
}

/** `before` and `since` name a container: those made earlier or later than it. */
function window(rows: readonly ContainerRow[], filters: Filters): readonly ContainerRow[] {
  const position = (key: string) => {
    const [reference] = filters.get(key)
    if (reference === undefined) return undefined
    const index = rows.findIndex((row) => row.name === reference.replace(/^\//, '') || row.id.startsWith(reference))
    if (index === -1) throw new GantryError('not_found', `no such container: ${reference}`, { value: reference })
    return index
  }
  const before = position('before')
  const since = position('since')
  return rows.slice(before === undefined ? 0 : before + 1, since)
}

function compile(filters: Filters): ((row: ContainerRow) => boolean)[] {
  const isNamed = namePattern(filters.get('name'))
  const hasId = namePattern(filters.get('id'))
  const any = (key: string, test: (row: ContainerRow, value: string) => boolean) => (row: ContainerRow) =>
    filters.any(key, (value) => test(row, value))
  const isTask = filters.flag('is-task')
  return [
    (row) => filters.matchesLabels(row.labels),
    // With and without the slash that Docker's names have.
    (row) => !filters.has('name') || isNamed(row.name) || isNamed(`/${row.name}`),
    (row) => !filters.has('id') || hasId(row.id),
    any('status', (row, value) => row.state.status === value),
    any('health', (row, value) => (row.state.health?.status ?? 'none') === value),
    any('exited', (row, value) => row.state.status === 'exited' && row.state.exitCode === Number(value)),
    any('ancestor', isOfImage),
    any(
      'network',
      (row, value) =>
        (row.details?.endpoints ?? []).some(({ network, networkId }) => network === value || networkId.startsWith(value)) ||
        row.details?.networkMode === value,
    ),
    any('volume', (row, value) => (row.details?.mounts ?? []).some(({ name, target, source }) => [name, target, source].includes(value))),
    any('publish', (row, value) => row.ports.some(({ hostPort, protocol }) => inPorts(value, hostPort, protocol))),
    any('expose', (row, value) =>
      (row.details?.exposedPorts ?? []).some((port) => inPorts(value, Number(port.split('/')[0]), port.split('/')[1] ?? '')),
    ),
    () => isTask !== true,
    any('isolation', (_row, value) => value === 'default'),
  ]
}

/** Of this image: by id, by a beginning of it, or by name. */
function isOfImage({ image, imageId }: ContainerRow, value: string): boolean {
  const plain = (name: string) => name.replace(/^docker\.io\/(library\/)?/, '').replace(/:latest$/, '')
  return plain(image) === plain(value) || imageId === value || imageId.replace('sha256:', '').startsWith(value.replace('sha256:', ''))
}

/** `80`, `80/udp`, `80-90/tcp` */
function inPorts(text: string, port: number, protocol: string): boolean {
  const [range = '', wanted = 'tcp'] = text.split('/')
  const [first = '', last = first] = range.split('-')
  return protocol === wanted && port >= Number(first) && port <= Number(last)
}
