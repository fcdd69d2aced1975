import { type ContainerSpecInput, GantryError, propagations } from '@gantry/contracts'
import { z } from 'zod'
import { count, optional, refuseUnknown, refuseValue, textMap, texts, word, yes } from './fields.ts'
import { fromTmpfs, tmpfsPairs } from './tmpfs.ts'

type Mount = NonNullable<ContainerSpecInput['mounts']>[number]
type Propagation = Extract<Mount, { type: 'bind' }>['propagation']

const bindOptions = z.looseObject({
  Propagation: word,
  NonRecursive: yes,
  CreateMountpoint: yes,
  ReadOnlyNonRecursive: yes,
  ReadOnlyForceRecursive: yes,
})
const driverConfig = z.looseObject({ Name: word, Options: textMap })
const volumeOptions = z.looseObject({ NoCopy: yes, Labels: textMap, DriverConfig: optional(driverConfig), Subpath: word })
const imageOptions = z.looseObject({ Subpath: word })
const tmpfsOptions = z.looseObject({ SizeBytes: count, Mode: optional(z.number().int()), Options: optional(z.array(z.array(z.string()))) })
const mountSchema = z.looseObject({
  Type: z.string(),
  Source: word,
  Target: word,
  ReadOnly: yes,
  /** For macOS; Linux has one way. */
  Consistency: word,
  BindOptions: optional(bindOptions),
  VolumeOptions: optional(volumeOptions),
  ImageOptions: optional(imageOptions),
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
  const driver = host.VolumeDriver && host.VolumeDriver !== 'local' ? { driver: host.VolumeDriver } : {}
  const mounts = [
    ...host.Binds.map((text) => fromBind(text, driver)),
    ...(host.Mounts ?? []).map(fromMount),
    ...Object.entries(host.Tmpfs).map(([target, options]) => fromTmpfs(target, options)),
  ]
  const taken = new Set(mounts.map(({ target }) => trim(target)))
  const anonymous = volumes.filter((target) => !taken.has(trim(target))).map((target): Mount => ({ type: 'volume', target, ...driver }))
  return [...mounts, ...anonymous]
}

const trim = (path: string) => path.replace(/\/+$/, '') || '/'

const isPropagation = (word: string): word is NonNullable<Propagation> => (propagations as readonly string[]).includes(word)
/** SELinux labels and macOS caching: nothing to do here. */
const harmless: readonly string[] = ['rw', 'z', 'Z', 'cached', 'delegated', 'consistent']

/** `source:target[:options]`: a source that is a path is the host's, made when missing, anything else a volume's name. */
function fromBind(text: string, driver: { driver?: string }): Mount {
  const invalid = (why: string) =>
    new GantryError('invalid_input', `invalid volume specification: '${text}': ${why}`, { field: 'HostConfig.Binds', value: text })
  const [source = '', target = '', list, ...more] = text.split(':')
  if (more.length > 0 || source === '' || target === '') throw invalid('must be source:target[:options]')
  if (!target.startsWith('/')) throw invalid('mount path must be absolute')
  const options = list ? list.split(',') : []
  const unknown = options.find((option) => ![...harmless, ...propagations, 'ro', 'nocopy'].includes(option))
  if (unknown !== undefined) throw invalid(`invalid mode ${unknown}`)
  const readOnly = options.includes('ro')
  if (!source.startsWith('/')) return { type: 'volume', source, target, readOnly, noCopy: options.includes('nocopy'), ...driver }
  return { type: 'bind', source, target, readOnly, createSource: true, propagation: options.find(isPropagation) }
}

const field = 'HostConfig.Mounts'

type MountGiven = z.output<typeof mountSchema>

const byType: Record<string, (mount: MountGiven, target: string) => Mount> = {
  bind({ Source, ReadOnly, BindOptions = bindOptions.parse({}) }, target) {
    refuseUnknown(`${field}.BindOptions`, BindOptions, Object.keys(bindOptions.shape))
    if (!Source) throw invalidMount('bind', 'field Source must not be empty')
    const { Propagation: propagation, NonRecursive, CreateMountpoint, ReadOnlyNonRecursive, ReadOnlyForceRecursive } = BindOptions
    if (propagation !== undefined && !isPropagation(propagation)) throw invalidMount('bind', `invalid propagation mode: ${propagation}`)
    if (ReadOnlyNonRecursive && ReadOnlyForceRecursive) {
      throw invalidMount('bind', 'ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other')
    }
    return {
      ...{ type: 'bind', source: Source, target, readOnly: ReadOnly, propagation },
      ...{ recursive: !NonRecursive, createSource: CreateMountpoint },
      ...(ReadOnlyNonRecursive ? { readOnlyRecursive: 'off' as const } : {}),
      ...(ReadOnlyForceRecursive ? { readOnlyRecursive: 'force' as const } : {}),
    }
  },
  volume({ Source, ReadOnly, VolumeOptions = volumeOptions.parse({}) }, target) {
    const { NoCopy, Labels, DriverConfig, Subpath } = VolumeOptions
    refuseUnknown(`${field}.VolumeOptions`, VolumeOptions, Object.keys(volumeOptions.shape))
    refuseUnknown(`${field}.VolumeOptions.DriverConfig`, DriverConfig ?? {}, Object.keys(driverConfig.shape))
    if (Subpath !== undefined && Source === undefined) throw invalidMount('volume', 'must not set Subpath when using anonymous volumes')
    return {
      ...{ type: 'volume', source: Source, target, readOnly: ReadOnly, noCopy: NoCopy, subpath: Subpath },
      ...{ driver: DriverConfig?.Name, driverOptions: DriverConfig?.Options, labels: Labels },
    }
  },
  tmpfs({ Source, ReadOnly, TmpfsOptions = tmpfsOptions.parse({}) }, target) {
    refuseUnknown(`${field}.TmpfsOptions`, TmpfsOptions, Object.keys(tmpfsOptions.shape))
    if (Source) throw invalidMount('tmpfs', 'field Source must not be specified')
    const { SizeBytes, Mode, Options = [] } = TmpfsOptions
    const more = tmpfsPairs(Options.map(([name = '', value]) => (value === undefined ? name : `${name}=${value}`)))
    return { type: 'tmpfs', target, ...more, readOnly: ReadOnly, sizeBytes: SizeBytes, mode: Mode || undefined }
  },
  image({ Source, ImageOptions }, target) {
    refuseUnknown(`${field}.ImageOptions`, ImageOptions ?? {}, Object.keys(imageOptions.shape))
    if (!Source) throw invalidMount('image', 'field Source must not be empty')
    return { type: 'image', source: Source, target, subpath: ImageOptions?.Subpath }
  },
}

function fromMount(mount: MountGiven): Mount {
  refuseUnknown(field, mount, Object.keys(mountSchema.shape))
  if (!mount.Target) throw invalidMount(mount.Type, 'field Target must not be empty')
  const translate = Object.hasOwn(byType, mount.Type) ? byType[mount.Type] : undefined
  if (!translate) throw refuseValue(`${field}.Type`, mount.Type, Object.keys(byType).join(', '))
  return translate(mount, mount.Target)
}

function invalidMount(type: string, why: string): GantryError {
  return new GantryError('invalid_input', `invalid mount config for type "${type}": ${why}`, { field })
}
