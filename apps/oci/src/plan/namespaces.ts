import { GantryError } from '@gantry/contracts/gantry-error'
import type { IdMap, Linux, NamespaceType } from '../config/linux.ts'
import type { Section } from '../kernel/native.ts'

/** Operations of native/src/namespaces.c that make a fresh one. */
const fresh: Readonly<{ [type in NamespaceType]?: string }> = {
  network: 'netns.new',
  mount: 'mntns.new',
  pid: 'pidns.new',
  ipc: 'ipcns.new',
  uts: 'utsns.new',
  cgroup: 'cgroupns.new',
}

export interface NamespacePlan {
  readonly sections: readonly Section[]
  has(type: NamespaceType): boolean
  /** A new one, not joined by path. */
  isNew(type: NamespaceType): boolean
}

export function planNamespaces(linux: Linux): NamespacePlan {
  const wanted = new Map<NamespaceType, string>()
  for (const { type, path } of linux.namespaces ?? []) {
    if (wanted.has(type)) throw bad(`namespace ${type} is listed twice`)
    wanted.set(type, path ?? '')
  }
  if (!wanted.has('mount')) throw bad('a mount namespace is needed: the root file system is put together in it')
  const mapped = Boolean(linux.uidMappings?.length || linux.gidMappings?.length)
  if (mapped && !wanted.has('user')) throw bad('id mappings need a user namespace')
  if (Object.keys(linux.timeOffsets ?? {}).length > 0 && !isNew(wanted, 'time')) throw bad('time offsets need a new time namespace')
  const joined = [...wanted].filter(([type, path]) => path !== '' && type !== 'user')
  const sections: Section[] = [
    { name: 'join', ops: [...userOps(wanted, linux), ...joined.map(([, path]) => ['ns.path', path] as const)] },
    { name: 'namespaces', ops: [...wanted].flatMap(([type, path]) => (path === '' && fresh[type] ? [[fresh[type]] as const] : [])) },
    { name: 'join', ops: isNew(wanted, 'time') ? [['timens.new', timeOffsets(linux)]] : [] },
  ]
  return { sections, has: (type) => wanted.has(type), isNew: (type) => isNew(wanted, type) }
}

function bad(message: string): GantryError {
  return new GantryError('invalid_input', message, { field: 'linux.namespaces' })
}

function isNew(wanted: ReadonlyMap<NamespaceType, string>, type: NamespaceType): boolean {
  return wanted.get(type) === ''
}

function userOps(wanted: ReadonlyMap<NamespaceType, string>, linux: Linux): Section['ops'] {
  const path = wanted.get('user')
  if (path === undefined) return []
  if (path !== '') return [['userns.path', path]]
  if (!linux.uidMappings?.length || !linux.gidMappings?.length) throw bad('a new user namespace needs uidMappings and gidMappings')
  return [['userns.map', mapText(linux.uidMappings), mapText(linux.gidMappings)]]
}

/** Lines of /proc/PID/uid_map (user_namespaces(7)). */
export function mapText(maps: readonly IdMap[]): string {
  return maps.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')
}

function timeOffsets({ timeOffsets: offsets }: Linux): string {
  return Object.entries(offsets ?? {})
    .map(([clock, offset]) => `${clock} ${offset?.secs ?? 0} ${offset?.nanosecs ?? 0}\n`)
    .join('')
}

/** An id of the container as the host has it; undefined when no range holds it. */
export function hostId(maps: readonly IdMap[] | null | undefined, id: number): number | undefined {
  if (!maps?.length) return id
  const range = maps.find(({ containerID, size }) => id >= containerID && id < containerID + size)
  return range && range.hostID + (id - range.containerID)
}
