import type { MountSpec } from '@gantry/contracts'

type Of<Type extends MountSpec['type']> = Extract<MountSpec, { type: Type }>

/**
 * Mounts as `HostConfig` shows them: by the short form where that says everything. Tools make a container anew from what they read
 * here, so `toMounts` of the answer gives the same mounts again (but for anonymous volumes, which `Config.Volumes` shows).
 */
export function toHostMounts(mounts: readonly MountSpec[]): { Binds: string[] | null; Mounts?: object[]; Tmpfs?: Record<string, string> } {
  const binds: string[] = []
  const structured: object[] = []
  const tmpfs: Record<string, string> = {}
  for (const mount of mounts) {
    if (mount.type === 'tmpfs') {
      tmpfs[mount.target] = tmpfsText(mount)
    } else if (mount.type === 'image') {
      structured.push(imageMount(mount))
    } else if (!isAnonymous(mount)) {
      const short = mount.type === 'bind' ? shortBind(mount) : shortVolume(mount)
      if (short === undefined) structured.push(mount.type === 'bind' ? bindMount(mount) : volumeMount(mount))
      else binds.push(short)
    }
  }
  return {
    Binds: binds.length > 0 ? binds : null,
    ...(structured.length > 0 ? { Mounts: structured } : {}),
    ...(Object.keys(tmpfs).length > 0 ? { Tmpfs: tmpfs } : {}),
  }
}

function isAnonymous(mount: MountSpec): boolean {
  return mount.type === 'volume' && mount.source === undefined && isPlain(mount) && !mount.readOnly && !mount.noCopy
}

/** Nothing about the volume that only the long form can say. */
function isPlain({ driver = 'local', driverOptions = {}, labels = {}, subpath }: Of<'volume'>): boolean {
  return driver === 'local' && subpath === undefined && Object.keys({ ...driverOptions, ...labels }).length === 0
}

function joined(source: string, target: string, options: readonly (string | false)[]): string {
  const words = options.filter((word) => word !== false)
  return [source, target, ...(words.length > 0 ? [words.join(',')] : [])].join(':')
}

function shortBind(mount: Of<'bind'>): string | undefined {
  const { source, target, readOnly, propagation, recursive, readOnlyRecursive, createSource } = mount
  if (!createSource || !recursive || readOnlyRecursive !== undefined || source.includes(':') || target.includes(':')) return undefined
  return joined(source, target, [readOnly && 'ro', propagation !== 'rprivate' && propagation])
}

function shortVolume(mount: Of<'volume'>): string | undefined {
  const { source, target, readOnly, noCopy } = mount
  if (source === undefined || !isPlain(mount) || target.includes(':')) return undefined
  return joined(source, target, [readOnly && 'ro', noCopy && 'nocopy'])
}

function bindMount({ source, target, readOnly, propagation, recursive, readOnlyRecursive, createSource }: Of<'bind'>): object {
  const options = {
    ...(propagation === 'rprivate' ? {} : { Propagation: propagation }),
    ...(recursive ? {} : { NonRecursive: true }),
    ...(createSource ? { CreateMountpoint: true } : {}),
    ...(readOnlyRecursive === 'off' ? { ReadOnlyNonRecursive: true } : {}),
    ...(readOnlyRecursive === 'force' ? { ReadOnlyForceRecursive: true } : {}),
  }
  const mount = { Type: 'bind', Source: source, Target: target, ...(readOnly ? { ReadOnly: true } : {}) }
  return Object.keys(options).length > 0 ? { ...mount, BindOptions: options } : mount
}

function volumeMount({ source, target, readOnly, noCopy, subpath, driver, driverOptions, labels }: Of<'volume'>): object {
  const options = {
    ...(noCopy ? { NoCopy: true } : {}),
    ...(labels === undefined ? {} : { Labels: labels }),
    ...(driver === undefined && driverOptions === undefined ? {} : { DriverConfig: { Name: driver, Options: driverOptions } }),
    ...(subpath === undefined ? {} : { Subpath: subpath }),
  }
  return { Type: 'volume', Source: source, Target: target, ...(readOnly ? { ReadOnly: true } : {}), VolumeOptions: options }
}

function imageMount({ source, target, subpath }: Of<'image'>): object {
  const mount = { Type: 'image', Source: source, Target: target }
  return subpath === undefined ? mount : { ...mount, ImageOptions: { Subpath: subpath } }
}

function tmpfsText({ readOnly, sizeBytes, mode, uid, gid, inodes, exec, suid, dev, noatime }: Of<'tmpfs'>): string {
  const flag = (set: boolean | undefined, yes: string, no: string) => (set === undefined ? [] : [set ? yes : no])
  const pair = (name: string, value: number | undefined, base = 10) => (value === undefined ? [] : [`${name}=${value.toString(base)}`])
  return [
    ...(readOnly ? ['ro'] : []),
    ...flag(exec, 'exec', 'noexec'),
    ...flag(suid, 'suid', 'nosuid'),
    ...flag(dev, 'dev', 'nodev'),
    ...flag(noatime, 'noatime', 'relatime'),
    ...pair('size', sizeBytes),
    ...pair('mode', mode, 8),
    ...pair('uid', uid),
    ...pair('gid', gid),
    ...pair('nr_inodes', inodes),
  ].join(',')
}
