import type { Op } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts/gantry-error'
import type { Device } from '../config/linux.ts'
import type { Section } from '../kernel/native.ts'

const character = (path: string, major: number, minor: number): Device => ({ type: 'c', path, major, minor })
/** Runtime-spec, "Default Devices". */
const defaults: readonly Device[] = [
  character('/dev/null', 1, 3),
  character('/dev/zero', 1, 5),
  character('/dev/full', 1, 7),
  character('/dev/random', 1, 8),
  character('/dev/urandom', 1, 9),
  character('/dev/tty', 5, 0),
]
const links: readonly (readonly [value: string, path: string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
]

/** Nodes are made; in a user namespace, where that is not allowed, the host's are bound. */
export function planDevices(devices: readonly Device[], options: { userNamespace: boolean; hostDev: boolean }): Section[] {
  if (options.hostDev) return []
  const listed = new Set(devices.map(({ path }) => path))
  const all = [...defaults.filter(({ path }) => !listed.has(path)), ...devices].filter(
    ({ path }) => path !== '/dev/ptmx' && path !== '/dev/console',
  )
  const nodes = all.map((device): Section => {
    if (options.userNamespace && device.type !== 'p')
      return { name: 'mounts', ops: [['tree', device.path, device.path, 'one', '', '', '', '', '']] }
    return { name: 'mounts', ops: [nodeOp(device)] }
  })
  return [
    ...nodes,
    { name: 'rootfs', ops: links.map(([value, path]) => ['symlink', value, path] as const) },
    { name: 'mounts', ops: [['link', 'pts/ptmx', '/dev/ptmx']] },
  ]
}

function nodeOp({ type, path, major, minor, fileMode, uid, gid }: Device): Op {
  if (type !== 'p' && (typeof major !== 'number' || typeof minor !== 'number')) {
    throw new GantryError('invalid_input', `device ${path} needs major and minor`, { field: 'linux.devices' })
  }
  const mode = ((fileMode ?? 0o666) & 0o7777).toString(8)
  return ['node', type === 'u' ? 'c' : type, path, String(major ?? 0), String(minor ?? 0), mode, String(uid ?? 0), String(gid ?? 0)]
}
