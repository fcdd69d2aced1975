import { containerDefaults, type ContainerSpec, type Op } from '@gantry/contracts'
import type { ResolvedMount, RootfsSource } from '../ports.ts'
import { sharesHostName } from './namespaces.ts'
import { pathOps } from './paths.ts'
import type { StartInput } from './plan.ts'
import { initPath } from './process.ts'

/** Every container's /dev has these, as bind mounts of the host's nodes: a user namespace may not make nodes. */
const deviceNodes = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const
const links: readonly (readonly [target: string, link: string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['/proc/kcore', '/dev/core'],
  ['pts/ptmx', '/dev/ptmx'],
]

/** The container's file system from the root up; the process ends in it by pivot_root. */
export function rootfsOps(input: StartInput): Op[] {
  const { spec } = input
  const propagation = rootPropagation(input.mounts)
  return [
    ['propagation', propagation],
    rootOp(input.rootfs),
    ['proc', '/proc'],
    ...devOps(input),
    ['sysfs', '/sys', spec.privileged ? 'rw' : 'ro'],
    ['cgroup', '/sys/fs/cgroup', spec.privileged || spec.writableCgroups ? 'rw' : 'ro'],
    ...fileOps(input),
    // It may have gone since it was seen: then the kernel's own files do.
    ...(seesLimits(spec) ? (input.covers ?? []) : []).map(([source, target]): Op => ['bind', source, target, 'ro,nosuid,nodev,optional']),
    ...[...input.mounts].sort(byDepth).map(mountOp),
    ...spec.devices.map((device): Op => ['device', device.hostPath, device.containerPath ?? device.hostPath]),
    ...(spec.init ? [['bind', `${input.nativeDir}/gantry-init`, initPath, 'ro'] as Op] : []),
    ...(spec.tty ? [['console', '/dev/console'] as Op] : []),
    ...Object.entries(spec.sysctls).map(([name, value]): Op => ['sysctl', name, value]),
    ...pathOps(spec),
    ...(sharesHostName(spec) ? [] : [['hostname', spec.hostname ?? input.containerId.slice(0, 12)] as Op]),
    ...(sharesHostName(spec) || !spec.domainname ? [] : [['domainname', spec.domainname] as Op]),
    ...(spec.readonlyRootfs ? [['rootfs.readonly'] as Op] : []),
    ['pivot', propagation],
  ]
}

/** Ids are shifted to the container's user namespace on the way, by the kernel or by the program. */
function rootOp(rootfs: RootfsSource): Op {
  if (rootfs.kind === 'tree') return ['tree', rootfs.folder]
  const folders = [rootfs.upperDir, rootfs.workDir, ...rootfs.lowerDirs]
  return rootfs.kind === 'fuse' ? ['fuse', rootfs.program, ...folders] : ['overlay', ...folders]
}

/** Who looks after the host wants to see the host. */
export function seesLimits(spec: Pick<ContainerSpec, 'privileged' | 'pidMode'>): boolean {
  return !spec.privileged && spec.pidMode !== 'host'
}

function devOps({ spec, joinPid }: StartInput): Op[] {
  const shmSize = spec.shmSizeBytes ?? containerDefaults.shmSizeBytes
  const ops: Op[] = [
    ['tmpfs', '/dev', 'nosuid,noexec', 'mode=755,size=65536k'],
    spec.privileged ? ['devices.all', '/dev'] : ['devices', '/dev', ...deviceNodes],
    ['devpts', '/dev/pts'],
    ...links.map(([target, link]): Op => ['symlink', target, link]),
  ]
  if (spec.ipcMode === 'host') {
    ops.push(
      ['bind', '/dev/mqueue', '/dev/mqueue', 'nosuid,nodev,noexec,optional'],
      ['bind', '/dev/shm', '/dev/shm', 'nosuid,nodev,noexec'],
    )
  } else if (spec.ipcMode.startsWith('container:')) {
    const donor = String(joinPid?.ipc)
    ops.push(['share', donor, '/dev/mqueue'], ['share', donor, '/dev/shm'])
  } else {
    ops.push(['mqueue', '/dev/mqueue'])
    if (spec.ipcMode !== 'none') ops.push(['tmpfs', '/dev/shm', 'nosuid,nodev,noexec', `mode=1777,size=${shmSize}`])
  }
  return ops
}

/** Our own files over the image's; a mount of the user's at the same place comes later and wins. */
function fileOps({ files }: StartInput): Op[] {
  const pairs = [
    [files.resolvConf, '/etc/resolv.conf'],
    [files.hostname, '/etc/hostname'],
    [files.hosts, '/etc/hosts'],
  ] as const
  return pairs.flatMap(([source, target]): Op[] => (source === null ? [] : [['bind', source, target, 'idmap']]))
}

function mountOp(mount: ResolvedMount): Op {
  if (mount.type === 'tmpfs') return tmpfsOp(mount)
  if (mount.type === 'image') return imageOp(mount)
  if (mount.fileSystem) {
    const { type, device, flags, options } = mount.fileSystem
    const all = [...flags, ...(mount.readOnly && !flags.includes('ro') ? ['ro'] : [])]
    return ['mount', type, device, mount.target, all.join(','), options]
  }
  // A bind source was resolved before the policy allowed it: a link that came in since is refused.
  const strict = mount.type === 'bind' ? ['strict'] : []
  const access = mount.readOnly ? [mount.readOnlyRecursive === 'off' ? 'ro-top' : 'ro'] : []
  const flags = [...access, ...idmapFlags(mount), ...(mount.recursive ? ['rec'] : []), ...strict]
  const propagation = mount.propagation === '' || mount.propagation === 'rprivate' ? [] : [mount.propagation]
  const subpath = mount.subpath === undefined ? [] : [mount.subpath]
  return ['bind', mount.source, mount.target, [...flags, ...propagation].join(','), ...subpath]
}

function idmapFlags({ idmapped, idmapOptional }: ResolvedMount): string[] {
  return idmapped ? [idmapOptional ? 'idmap-try' : 'idmap'] : []
}

function imageOp({ target, subpath, lowerDirs = [] }: ResolvedMount): Op {
  return ['image', target, subpath ?? '.', ...lowerDirs]
}

/** Docker's defaults: 1777, and neither programs nor set-user-id bits nor device nodes. */
function tmpfsOp({ target, readOnly, tmpfs = {} }: ResolvedMount): Op {
  const flags = [
    ...(tmpfs.suid ? [] : ['nosuid']),
    ...(tmpfs.dev ? [] : ['nodev']),
    ...(tmpfs.exec ? [] : ['noexec']),
    ...(tmpfs.noatime ? ['noatime'] : []),
    ...(readOnly ? ['ro'] : []),
  ]
  const options = [
    `mode=${(tmpfs.mode ?? 0o1777).toString(8)}`,
    ...(tmpfs.sizeBytes === undefined ? [] : [`size=${tmpfs.sizeBytes}`]),
    ...(tmpfs.inodes === undefined ? [] : [`nr_inodes=${tmpfs.inodes}`]),
    ...(tmpfs.uid === undefined ? [] : [`uid=${tmpfs.uid}`]),
    ...(tmpfs.gid === undefined ? [] : [`gid=${tmpfs.gid}`]),
  ]
  return ['tmpfs', target, flags.join(','), options.join(',')]
}

/** Parents before what lies below them; equal depth keeps the order asked for. */
function byDepth(a: ResolvedMount, b: ResolvedMount): number {
  return depth(a.target) - depth(b.target)
}

function depth(target: string): number {
  return target.split('/').filter((part) => part !== '').length
}

/** A shared or slave bind mount needs a root that lets propagation through (mount_namespaces(7)). */
function rootPropagation(mounts: readonly ResolvedMount[]): string {
  if (mounts.some((mount) => mount.propagation.endsWith('shared'))) return 'shared'
  return mounts.some((mount) => mount.propagation.endsWith('slave')) ? 'slave' : 'private'
}
