import { resolve } from 'node:path'
import { type ContainerSpecInput, GantryError } from '@gantry/contracts'
import { parseSize } from './size.ts'

type Mount = NonNullable<ContainerSpecInput['mounts']>[number]
type Propagation = 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared'
const propagations: readonly string[] = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared']

function refuse(flag: string, text: string, why: string): GantryError {
  return new GantryError('invalid_input', `${flag} ${text}: ${why}`, { field: flag, value: text })
}

/** `-v [source:]target[:options]`; a source with a slash is a host folder (made when missing), anything else a volume. */
export function parseVolume(text: string, cwd: string): Mount {
  const parts = text.split(':')
  if (parts.length > 3 || parts.some((part) => part === '')) throw refuse('-v', text, 'is not [source:]target[:options]')
  const [source, target, list = ''] = parts.length === 1 ? [undefined, parts[0] ?? ''] : (parts as [string, string, string?])
  if (!target.startsWith('/')) throw refuse('-v', text, `${target} is not an absolute path in the container`)
  const options = list === '' ? [] : list.split(',')
  const known = ['ro', 'rw', 'nocopy', 'z', 'Z', 'cached', 'delegated', 'consistent', ...propagations]
  const unknown = options.find((option) => !known.includes(option))
  if (unknown !== undefined) throw refuse('-v', text, `unknown option ${unknown}`)
  const readOnly = options.includes('ro')
  if (source === undefined) return { type: 'volume', target, readOnly }
  if (!source.includes('/') && source !== '.' && source !== '..') {
    return { type: 'volume', source, target, readOnly, noCopy: options.includes('nocopy') }
  }
  const propagation = options.find((option) => propagations.includes(option)) as Propagation | undefined
  return { type: 'bind', source: resolve(cwd, source), target, readOnly, createSource: true, ...(propagation && { propagation }) }
}

/** `--mount type=bind|volume|tmpfs,source=…,target=…,readonly,…` */
export function parseMount(text: string, cwd: string): Mount {
  const fields = new Map(
    text.split(',').map((pair) => [pair.split('=')[0] ?? '', pair.includes('=') ? pair.slice(pair.indexOf('=') + 1) : 'true']),
  )
  const take = (...names: string[]) => names.map((name) => fields.get(name)).find((value) => value !== undefined)
  const type = take('type') ?? 'volume'
  const target = take('target', 'destination', 'dst')
  if (!target) throw refuse('--mount', text, 'has no target')
  const source = take('source', 'src')
  const readOnly = ['true', '1'].includes(take('readonly', 'ro') ?? 'false')
  switch (type) {
    case 'bind': {
      if (!source) throw refuse('--mount', text, 'a bind mount needs a source')
      const propagation = take('bind-propagation') as Propagation | undefined
      return { type, source: resolve(cwd, source), target, readOnly, ...(propagation && { propagation }) }
    }
    case 'volume':
      return { type, target, readOnly, noCopy: take('volume-nocopy') === 'true', ...(source && { source }) }
    case 'tmpfs': {
      const size = take('tmpfs-size')
      const mode = take('tmpfs-mode')
      return {
        type,
        target,
        readOnly,
        ...(size && { sizeBytes: parseSize('tmpfs-size', size) }),
        ...(mode && { mode: Number.parseInt(mode, 8) }),
      }
    }
    default:
      throw refuse('--mount', text, `unknown type ${type}`)
  }
}

/** `--tmpfs path[:size=…,mode=…,ro]` */
export function parseTmpfs(text: string): Mount {
  const [target = '', list = ''] = text.split(':')
  const options = list.split(',').filter(Boolean)
  const value = (name: string) => options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1)
  const size = value('size')
  const mode = value('mode')
  return {
    type: 'tmpfs',
    target,
    readOnly: options.includes('ro'),
    ...(size && { sizeBytes: parseSize('--tmpfs size', size) }),
    ...(mode && { mode: Number.parseInt(mode, 8) }),
  }
}
