import { GantryError } from '@gantry/contracts'

/** What the options of a volume of the `local` driver make of it. */
export type LocalVolume =
  | { readonly kind: 'folder' }
  | { readonly kind: 'bind'; readonly device: string; readonly recursive: boolean; readonly readOnly: boolean }
  /** Shared by the containers that use it at the same time, so it is mounted on the host while they do. */
  | { readonly kind: 'tmpfs'; readonly flags: readonly string[]; readonly options: string }
  /** A disk or a server: mounted by each container for itself. */
  | {
      readonly kind: 'mount'
      readonly type: string
      readonly device: string
      readonly flags: readonly string[]
      readonly options: string
    }

const known = ['type', 'device', 'o', 'size']
/** Words of `o` that belong to the mount and not to the file system. `rw`, `suid` … are what is left out. */
const flagWords = ['ro', 'nosuid', 'nodev', 'noexec', 'noatime']
const emptyWords = ['rw', 'suid', 'dev', 'exec', 'relatime', 'defaults', 'bind', 'rbind', '']

/** Reads docker's `type`, `device` and `o`. Throws `invalid_input` in docker's words for what makes no sense. */
export function parseLocalOptions(given: Readonly<Record<string, string>>): LocalVolume {
  const refuse = (message: string, field: string) =>
    new GantryError('invalid_input', message, { field: `options.${field}`, value: given[field] })
  for (const key of Object.keys(given)) if (!known.includes(key)) throw refuse(`invalid option: "${key}"`, key)
  if (given.size !== undefined) throw refuse('quota size requested but no quota support', 'size')
  const { type = '', device = '', o = '' } = given
  if (Object.keys(given).length === 0) return { kind: 'folder' }
  if (type === '' && device !== '' && !o.split(',').some((word) => word === 'bind' || word === 'rbind')) {
    throw refuse('missing type in volume options', 'type')
  }
  if (device === '') throw refuse('missing device in volume options', 'device')
  const words = o.split(',')
  const flags = words.filter((word) => flagWords.includes(word))
  const recursive = words.includes('rbind')
  if (recursive || words.includes('bind')) {
    if (!device.startsWith('/')) throw refuse(`device ${device} of a bind is not an absolute path`, 'device')
    return { kind: 'bind', device, recursive, readOnly: flags.includes('ro') }
  }
  if (!/^[a-zA-Z0-9._-]{1,64}$/.test(type)) throw refuse(`"${type}" is not a type of file system`, 'type')
  if (device.includes(',')) throw refuse(`device ${device} has a comma in it`, 'device')
  const options = words.filter((word) => !flagWords.includes(word) && !emptyWords.includes(word)).join(',')
  return type === 'tmpfs' ? { kind: 'tmpfs', flags, options } : { kind: 'mount', type, device, flags, options }
}
