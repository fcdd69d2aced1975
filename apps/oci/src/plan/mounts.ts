import { statSync } from 'node:fs'
import { basename, isAbsolute, join } from 'node:path'
import type { Op } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts/gantry-error'
import { type CgroupFolders, isUnified } from '../cgroup/folders.ts'
import type { Mount } from '../config/config.ts'
import type { Section } from '../kernel/native.ts'
import { type MountOptions, sortOptions } from './mount-options.ts'
import { mapText } from './namespaces.ts'

export interface MountContext {
  readonly bundle: string
  readonly cgroup: CgroupFolders
  readonly newCgroupNamespace: boolean
  readonly userNamespace: boolean
  readonly mountLabel: string | null | undefined
}

/** In the order of the configuration; each one may lie on another. */
export function planMounts(mounts: readonly Mount[], context: MountContext): Section[] {
  return mounts.flatMap((mount): Section[] => {
    const options = sortOptions(mount.options ?? [], mount.destination)
    if (mount.type === 'cgroup' || mount.type === 'cgroup2') return cgroupSections(mount, options, context)
    const op = options.bind !== 'no' || mount.type === 'bind' ? bindOp(mount, options, context) : fileSystemOp(mount, options, context)
    return [{ name: 'mounts', ops: [op] }]
  })
}

/** The specification wants an absolute path; older bundles have relative ones, which mean below the root. */
const target = (mount: Mount) => join('/', mount.destination)
const words = ({ set, clear, setAll, clearAll, propagation }: MountOptions) =>
  [set.join(','), clear.join(','), setAll.join(','), clearAll.join(','), propagation.join(',')] as const

function bindOp(mount: Mount, options: MountOptions, context: MountContext): Op {
  if (!mount.source) throw bad(mount, 'a bind mount needs a source')
  if (options.copyUp) throw bad(mount, 'tmpcopyup is for tmpfs')
  if (options.data.length > 0) throw bad(mount, `mount option ${options.data[0]} is not known`)
  const source = isAbsolute(mount.source) ? mount.source : join(context.bundle, mount.source)
  const depth = options.bind === 'one' ? 'one' : 'rec'
  return ['tree', source, target(mount), depth, ...words(options), ...idmapWords(mount, options, context)]
}

function idmapWords(mount: Mount, options: MountOptions, context: MountContext): string[] {
  const [uids, gids] = [mount.uidMappings, mount.gidMappings]
  const depth = options.idmap === 'all' ? 'all' : 'one'
  if (uids?.length && gids?.length) return [mapText(uids), mapText(gids), depth]
  if (uids?.length || gids?.length) throw bad(mount, 'uidMappings and gidMappings go together')
  if (options.idmap === 'no') return []
  if (!context.userNamespace) throw bad(mount, 'idmap without mappings needs a user namespace')
  return ['container', '', depth]
}

function fileSystemOp(mount: Mount, options: MountOptions, context: MountContext): Op {
  if (!mount.type || mount.type === 'none') throw bad(mount, 'needs a type, or the option bind')
  if (mount.uidMappings?.length || mount.gidMappings?.length || options.idmap !== 'no')
    throw bad(mount, 'ids are mapped for bind mounts only')
  if (options.copyUp && mount.type !== 'tmpfs') throw bad(mount, 'tmpcopyup is for tmpfs')
  const label = context.mountLabel && ['tmpfs', 'devpts', 'mqueue'].includes(mount.type) ? [`context=${context.mountLabel}`] : []
  const copyUp = options.copyUp ? 'copyup' : '-'
  return ['fs', mount.type, mount.source ?? '', target(mount), ...words(options), copyUp, ...options.data, ...label]
}

function bad(mount: Mount, message: string): GantryError {
  return new GantryError('invalid_input', `mount ${mount.destination}: ${message}`, { field: 'mounts' })
}

/**
 * With a cgroup namespace of its own the container mounts the hierarchies and sees its group as their root. Without one that would
 * show it the machine's tree: on v1 it gets its group of each hierarchy bound, on v2 the host's mount as it is.
 */
function cgroupSections(mount: Mount, options: MountOptions, { cgroup, newCgroupNamespace }: MountContext): Section[] {
  const readOnly = options.set.includes('ro') || options.setAll.includes('ro')
  if (newCgroupNamespace) return [{ name: 'rootfs', ops: [['cgroup', target(mount), readOnly ? 'ro' : 'rw']] }]
  const attributes = ['nosuid', 'nodev', 'noexec', ...(readOnly ? ['ro'] : [])].join(',')
  const bind = (source: string, to: string): Op => ['tree', source, to, 'rec', '', '', attributes, '', options.propagation.join(',')]
  const unified = cgroup.hierarchies.find(({ version }) => version === 2)
  if (isUnified(cgroup) && unified) return [{ name: 'mounts', ops: [bind(unified.mount, target(mount))] }]
  const tmpfs: Op = [
    'fs',
    'tmpfs',
    'tmpfs',
    target(mount),
    'nosuid,nodev,noexec',
    '',
    '',
    '',
    options.propagation.join(','),
    '-',
    'mode=755',
  ]
  const own = cgroup.hierarchies.filter(({ version }) => version === 1)
  const binds = own.map(({ mount: from }) => bind(join(from, cgroup.path), join(target(mount), basename(from))))
  const links = own.flatMap(({ mount: from, controllers }) =>
    controllers.length < 2 ? [] : controllers.map((name): Op => ['link', basename(from), join(target(mount), name)]),
  )
  return [{ name: 'mounts', ops: [tmpfs, ...binds, ...links, ...(readOnly ? [['seal', target(mount)] as const] : [])] }]
}

/** /dev of the host is left as it is; a node would be made in the machine's own. */
export function bindsDev(mounts: readonly Mount[]): boolean {
  return mounts.some((mount) => target(mount) === '/dev' && (mount.type === 'bind' || sortOptions(mount.options ?? [], '').bind !== 'no'))
}

export function checkRoot(rootfs: string): void {
  const isFolder = statSync(rootfs, { throwIfNoEntry: false })?.isDirectory() ?? false
  if (!isFolder) throw new GantryError('invalid_input', `root.path ${rootfs} is not a folder`, { field: 'root.path' })
}
