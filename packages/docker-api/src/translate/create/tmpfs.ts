import { type ContainerSpecInput, GantryError } from '@gantry/contracts'

type Tmpfs = Extract<NonNullable<ContainerSpecInput['mounts']>[number], { type: 'tmpfs' }>

/** `/run`, `rw,size=64m,mode=1777`: options of mount(8), the ones that a tmpfs may have. */
export function fromTmpfs(target: string, text: string): Tmpfs {
  return { type: 'tmpfs', target, ...tmpfsPairs(text.split(',').filter((option) => option !== '')) }
}

/** Later words win, as with mount(8). */
export function tmpfsPairs(options: readonly string[]): Omit<Tmpfs, 'type' | 'target'> {
  return Object.assign({}, ...options.map(tmpfsOption))
}

const flags: Record<string, Omit<Tmpfs, 'type' | 'target'>> = {
  ro: { readOnly: true },
  rw: { readOnly: false },
  exec: { exec: true },
  noexec: { exec: false },
  suid: { suid: true },
  nosuid: { suid: false },
  dev: { dev: true },
  nodev: { dev: false },
  noatime: { noatime: true },
  atime: { noatime: false },
  relatime: { noatime: false },
  diratime: {},
}

function tmpfsOption(option: string): Omit<Tmpfs, 'type' | 'target'> {
  const [name = '', value = ''] = option.split('=')
  if (value === '' && Object.hasOwn(flags, name)) return flags[name] ?? {}
  switch (name) {
    case 'size':
      return { sizeBytes: bytes(option, value) }
    case 'mode':
      return { mode: whole(option, value, /^[0-7]{1,5}$/, 8) }
    case 'uid':
      return { uid: whole(option, value, /^\d{1,10}$/, 10) }
    case 'gid':
      return { gid: whole(option, value, /^\d{1,10}$/, 10) }
    case 'nr_inodes':
      return { inodes: bytes(option, value) }
    default:
      throw invalid(option)
  }
}

function whole(option: string, value: string, form: RegExp, base: number): number {
  if (!form.test(value)) throw invalid(option)
  return Number.parseInt(value, base)
}

function bytes(option: string, value: string): number {
  const [, digits, unit = ''] = /^(\d{1,15})([kmg]?)b?$/i.exec(value) ?? []
  if (digits === undefined) throw invalid(option)
  return Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase())
}

function invalid(option: string): GantryError {
  return new GantryError('invalid_input', `invalid tmpfs option ["${option}"]`, { field: 'HostConfig.Tmpfs', value: option })
}
