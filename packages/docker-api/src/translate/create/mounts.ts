import { type ContainerSpecInput, GantryError } from '@gantry/contracts'
import { z } from 'zod'
import { count, optional, refuseUnknown, refuseValue, texts, textMap, word, yes } from './fields.ts'

type Mount = NonNullable<ContainerSpecInput['mounts']>[number]
type Propagation = Extract<Mount, { type: 'bind' }>['propagation']

const bindOptions = z.looseObject({ Propagation: word, NonRecursive: yes, CreateMountpoint: yes })
const volumeOptions = z.looseObject({ NoCopy: yes, DriverConfig: optional(z.looseObject({ Name: word })) })
const tmpfsOptions = z.looseObject({ SizeBytes: count, Mode: optional(z.number().int()) })
const mountSchema = z.looseObject({
  Type: z.string(),
  Source: word,
  Target: word,
  ReadOnly: yes,
  /** For macOS; Linux has one way. */
  Consistency: word,
  BindOptions: optional(bindOptions),
  VolumeOptions: optional(volumeOptions),
  TmpfsOptions: optional(tmpfsOptions),
})

/** Fields of HostConfig that bring files in. */
export const mountFields = {
  Binds: texts,
  Mounts: optional(z.array(mountSchema)),
  Tmpfs: textMap,
  VolumeDriver: word,
}
type Given = z.output<z.ZodObject<typeof mountFields>>

/** `volumes`: paths of `Config.Volumes`, which get a volume of their own where nothing else is mounted. */
export function toMounts(host: Given, volumes: readonly string[]): Mount[] {
  if (host.VolumeDriver && host.VolumeDriver !== 'local') throw refuseValue('HostConfig.VolumeDriver', host.VolumeDriver, 'local')
  const mounts = [
    ...host.Binds.map(fromBind),
    ...(host.Mounts ?? []).map(fromMount),
    ...Object.entries(host.Tmpfs).map(([target, options]) => fromTmpfs(target, options)),
  ]
  const taken = new Set(mounts.map(({ target }) => trim(target)))
  const anonymous = volumes.filter((target) => !taken.has(trim(target))).map((target): Mount => ({ type: 'volume', target }))
  return [...mounts, ...anonymous]
}

const trim = (path: string) => path.replace(/\/+$/, '') || '/'

const propagations: readonly string[] = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared']
/** SELinux labels and macOS caching: nothing to do here. */
const harmless: readonly string[] = ['rw', 'z', 'Z', 'cached', 'delegated', 'consistent']

/** `source:target[:options]`: a source that is a path is the host's, made when missing, anything else a volume's name. */
function fromBind(text: string): Mount {
  const invalid = (why: string) =>
    new GantryError('invalid_input', `invalid volume specification: '${text}': ${why}`, { field: 'HostConfig.Binds', value: text })
  const [source = '', target = '', list, ...more] = text.split(':')
  if (more.length > 0 || source === '' || target === '') throw invalid('must be source:target[:options]')
  if (!target.startsWith('/')) throw invalid(`mount path must be absolute`)
  const options = list ? list.split(',') : []
  const unknown = options.find((option) => ![...harmless, ...propagations, 'ro', 'nocopy'].includes(option))
  if (unknown !== undefined) throw invalid(`invalid mode ${unknown}`)
  const readOnly = options.includes('ro')
  if (!source.startsWith('/')) return { type: 'volume', source, target, readOnly, noCopy: options.includes('nocopy') }
  const propagation = options.find((option) => propagations.includes(option)) as Propagation
  return { type: 'bind', source, target, readOnly, createSource: true, propagation }
}

const field = 'HostConfig.Mounts'

type MountGiven = z.output<typeof mountSchema>

const byType: Record<string, (mount: MountGiven, target: string) => Mount> = {
  bind({ Source, ReadOnly, BindOptions }, target) {
    refuseUnknown(`${field}.BindOptions`, BindOptions ?? {}, Object.keys(bindOptions.shape))
    if (!Source) throw new GantryError('invalid_input', 'invalid mount config for type "bind": field Source must not be empty', { field })
    return {
      type: 'bind',
      source: Source,
      target,
      readOnly: ReadOnly,
      propagation: BindOptions?.Propagation as Propagation,
      recursive: !BindOptions?.NonRecursive,
      createSource: BindOptions?.CreateMountpoint,
    }
  },
  volume({ Source, ReadOnly, VolumeOptions }, target) {
    const driver = VolumeOptions?.DriverConfig
    refuseUnknown(`${field}.VolumeOptions`, VolumeOptions ?? {}, Object.keys(volumeOptions.shape))
    refuseUnknown(`${field}.VolumeOptions.DriverConfig`, driver ?? {}, ['Name'])
    if (driver?.Name && driver.Name !== 'local') throw refuseValue(`${field}.VolumeOptions.DriverConfig`, driver.Name, 'local')
    return { type: 'volume', source: Source, target, readOnly: ReadOnly, noCopy: VolumeOptions?.NoCopy }
  },
  tmpfs({ ReadOnly, TmpfsOptions }, target) {
    refuseUnknown(`${field}.TmpfsOptions`, TmpfsOptions ?? {}, Object.keys(tmpfsOptions.shape))
    return { type: 'tmpfs', target, readOnly: ReadOnly, sizeBytes: TmpfsOptions?.SizeBytes, mode: TmpfsOptions?.Mode || undefined }
  },
}

function fromMount(mount: MountGiven): Mount {
  refuseUnknown(field, mount, Object.keys(mountSchema.shape))
  if (!mount.Target) throw new GantryError('invalid_input', 'invalid mount config: field Target must not be empty', { field })
  const translate = Object.hasOwn(byType, mount.Type) ? byType[mount.Type] : undefined
  if (!translate) throw refuseValue(`${field}.Type`, mount.Type, Object.keys(byType).join(', '))
  return translate(mount, mount.Target)
}

type Tmpfs = Extract<Mount, { type: 'tmpfs' }>

/** Words of `--tmpfs`; what every tmpfs of a container has anyway, or does not matter, changes nothing. */
const tmpfsWords: Readonly<Record<string, (value: string) => Partial<Tmpfs>>> = {
  ...Object.fromEntries(['rw', 'noexec', 'nosuid', 'nodev', 'relatime', 'diratime'].map((word) => [word, () => ({})])),
  ro: () => ({ readOnly: true }),
  exec: () => ({ exec: true }),
  suid: () => ({ suid: true }),
  dev: () => ({ dev: true }),
  noatime: () => ({ noatime: true }),
  size: (value) => ({ sizeBytes: parseBytes(value) }),
  mode: (value) => ({ mode: Number.parseInt(value, 8) }),
  uid: (value) => ({ uid: Number(value) }),
  gid: (value) => ({ gid: Number(value) }),
  nr_inodes: (value) => ({ inodes: parseBytes(value) }),
}

/** `/run: rw,size=64m,mode=1777` */
function fromTmpfs(target: string, text: string): Mount {
  const mount: Tmpfs = { type: 'tmpfs', target }
  for (const option of text.split(',').filter(Boolean)) {
    const [name = '', value = ''] = option.split('=')
    const read = Object.hasOwn(tmpfsWords, name) ? tmpfsWords[name] : undefined
    if (!read) throw refuseValue('HostConfig.Tmpfs', option, Object.keys(tmpfsWords).join(', '))
    Object.assign(mount, read(value))
  }
  return mount
}

function parseBytes(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([kmg]?)b?$/i.exec(text) ?? []
  if (digits === undefined) throw refuseValue('HostConfig.Tmpfs', `size=${text}`, 'a size such as 64m')
  return Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase())
}
