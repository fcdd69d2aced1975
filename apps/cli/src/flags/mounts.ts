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

/** Words of `--mount` by type; the first of a line is what docker's documentation calls it. */
const words = {
  common: ['type', 'source', 'src', 'target', 'destination', 'dst', 'readonly', 'ro', 'consistency'],
  bind: ['bind-propagation', 'bind-recursive', 'bind-nonrecursive', 'bind-create-src'],
  volume: ['volume-nocopy', 'volume-subpath', 'volume-driver', 'volume-opt', 'volume-label'],
  tmpfs: ['tmpfs-size', 'tmpfs-mode'],
  image: ['image-subpath'],
} as const

/** What `--mount` says, by word; `volume-opt` and `volume-label` may come several times. */
class Words {
  readonly text: string
  readonly #pairs: readonly (readonly [string, string])[]

  constructor(text: string) {
    this.text = text
    this.#pairs = text.split(',').map((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? [pair, 'true'] : [pair.slice(0, at), pair.slice(at + 1)]
    })
  }

  take(...names: readonly string[]): string | undefined {
    return this.#pairs.findLast(([name]) => names.includes(name))?.[1]
  }

  is(...names: readonly string[]): boolean {
    return ['true', '1'].includes(this.take(...names) ?? 'false')
  }

  /** `name=value` of every time the word comes. */
  all(word: string): Record<string, string> {
    const values = this.#pairs.filter(([name]) => name === word).map(([, value]) => value)
    return Object.fromEntries(values.map((value) => [value.split('=')[0] ?? '', value.slice(value.indexOf('=') + 1)]))
  }

  unknown(known: readonly string[]): string | undefined {
    return this.#pairs.find(([name]) => !known.includes(name))?.[0]
  }
}

/** `--mount type=bind|volume|tmpfs|image,source=…,target=…,readonly,…` */
export function parseMount(text: string, cwd: string): Mount {
  const given = new Words(text)
  const type = given.take('type') ?? 'volume'
  const target = given.take('target', 'destination', 'dst')
  if (!(type === 'bind' || type === 'volume' || type === 'tmpfs' || type === 'image')) throw refuse('--mount', text, `unknown type ${type}`)
  if (!target) throw refuse('--mount', text, 'has no target')
  const unknown = given.unknown([...words.common, ...words[type]])
  if (unknown !== undefined) throw refuse('--mount', text, `unknown option ${unknown} for type ${type}`)
  const source = given.take('source', 'src')
  const readOnly = given.is('readonly', 'ro')
  switch (type) {
    case 'bind':
      if (!source) throw refuse('--mount', text, 'a bind mount needs a source')
      return { type, source: resolve(cwd, source), target, readOnly, ...bindWords(given, readOnly) }
    case 'volume':
      return { type, target, readOnly, noCopy: given.is('volume-nocopy'), ...(source && { source }), ...volumeWords(given) }
    case 'tmpfs': {
      const size = given.take('tmpfs-size')
      const mode = given.take('tmpfs-mode')
      const sizeBytes = size ? { sizeBytes: parseSize('tmpfs-size', size) } : {}
      return { type, target, readOnly, ...sizeBytes, ...(mode && { mode: Number.parseInt(mode, 8) }) }
    }
    case 'image': {
      const subpath = given.take('image-subpath')
      if (!source) throw refuse('--mount', text, 'an image mount needs a source')
      return { type, source, target, ...(subpath && { subpath }) }
    }
  }
}

function bindWords(given: Words, readOnly: boolean) {
  const propagation = given.take('bind-propagation')
  if (propagation !== undefined && !propagations.includes(propagation)) {
    throw refuse('--mount', given.text, `unknown propagation ${propagation}`)
  }
  const recursive = given.take('bind-recursive') ?? (given.is('bind-nonrecursive') ? 'disabled' : 'enabled')
  const common = {
    ...(propagation !== undefined && { propagation: propagation as Propagation }),
    ...(given.is('bind-create-src') && { createSource: true }),
  }
  switch (recursive) {
    case 'enabled':
      return common
    case 'disabled':
      return { ...common, recursive: false }
    case 'writable':
      return { ...common, readOnlyRecursive: 'off' as const }
    case 'readonly':
      if (!readOnly) throw refuse('--mount', given.text, 'bind-recursive=readonly needs readonly')
      if (propagation !== 'rprivate') throw refuse('--mount', given.text, 'bind-recursive=readonly needs bind-propagation=rprivate')
      return { ...common, readOnlyRecursive: 'force' as const }
    default:
      throw refuse('--mount', given.text, `bind-recursive is enabled, disabled, writable or readonly, not ${recursive}`)
  }
}

function volumeWords(given: Words) {
  const [subpath, driver] = [given.take('volume-subpath'), given.take('volume-driver')]
  const [options, labels] = [given.all('volume-opt'), given.all('volume-label')]
  return {
    ...(subpath && { subpath }),
    ...(driver && { driver }),
    ...(Object.keys(options).length > 0 && { driverOptions: options }),
    ...(Object.keys(labels).length > 0 && { labels }),
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
