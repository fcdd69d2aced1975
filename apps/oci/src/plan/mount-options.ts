import { GantryError } from '@gantry/contracts/gantry-error'

export interface MountOptions {
  readonly bind: 'no' | 'one' | 'rec'
  /** Attributes of native/src/runtime_mounts.c for the mount itself and for the whole tree. */
  readonly set: readonly string[]
  readonly clear: readonly string[]
  readonly setAll: readonly string[]
  readonly clearAll: readonly string[]
  readonly propagation: readonly string[]
  readonly copyUp: boolean
  readonly idmap: 'no' | 'one' | 'all'
  /** For the file system. */
  readonly data: readonly string[]
}

const setting: readonly string[] = ['ro', 'nosuid', 'nodev', 'noexec', 'nodiratime', 'nosymfollow', 'noatime', 'relatime', 'strictatime']
const clearing: Readonly<{ [option: string]: string }> = {
  rw: 'ro',
  suid: 'nosuid',
  dev: 'nodev',
  exec: 'noexec',
  diratime: 'nodiratime',
  symfollow: 'nosymfollow',
  atime: 'noatime',
  norelatime: 'strictatime',
  nostrictatime: 'strictatime',
}
const propagations = ['private', 'slave', 'shared', 'unbindable'].flatMap((name) => [name, `r${name}`])
/** Flags of the file system rather than of the mount: fsconfig(2) knows their names. A bind cannot change them. */
const superblock = ['sync', 'async', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand']
/** mount(8) has them; they change nothing here: either the default, or words for mount(8) alone. */
const nothing = ['defaults', 'loud', 'silent', 'iversion', 'noiversion']

/** All words that mean something here, for `features`. */
export const mountOptions: readonly string[] = [
  ...setting,
  ...Object.keys(clearing),
  ...[...setting, ...Object.keys(clearing)].map((name) => `r${name}`),
  ...propagations,
  ...superblock,
  ...nothing,
  ...['bind', 'rbind', 'tmpcopyup', 'idmap', 'ridmap'],
].toSorted()

/** Sorts what runtime-spec calls mount options; whatever is none of them is the file system's own. */
export function sortOptions(options: readonly string[], destination: string): MountOptions {
  const sorted = {
    set: [] as string[],
    clear: [] as string[],
    setAll: [] as string[],
    clearAll: [] as string[],
    propagation: [] as string[],
    data: [] as string[],
  }
  let bind: MountOptions['bind'] = 'no'
  let idmap: MountOptions['idmap'] = 'no'
  let copyUp = false
  for (const option of options) {
    const deep = option.startsWith('r') ? option.slice(1) : ''
    if (option === 'bind') bind = bind === 'rec' ? 'rec' : 'one'
    else if (option === 'rbind') bind = 'rec'
    else if (option === 'tmpcopyup') copyUp = true
    else if (option === 'idmap' || option === 'ridmap') idmap = option === 'idmap' ? 'one' : 'all'
    else if (setting.includes(option)) choose(sorted.set, sorted.clear, option)
    else if (clearing[option]) choose(sorted.clear, sorted.set, clearing[option])
    else if (propagations.includes(option)) sorted.propagation.push(option)
    else if (setting.includes(deep)) choose(sorted.setAll, sorted.clearAll, deep)
    else if (clearing[deep]) choose(sorted.clearAll, sorted.setAll, clearing[deep])
    else if (option === 'remount') throw unsupported(option, destination)
    else if (!nothing.includes(option) && option !== '') sorted.data.push(option)
  }
  if (bind !== 'no') sorted.data = sorted.data.filter((option) => !superblock.includes(option))
  return { ...sorted, bind, idmap, copyUp }
}

/** The last word on an attribute holds. */
function choose(into: string[], other: string[], name: string): void {
  const at = other.indexOf(name)
  if (at >= 0) other.splice(at, 1)
  if (!into.includes(name)) into.push(name)
}

function unsupported(option: string, destination: string): GantryError {
  return new GantryError('unsupported', `mount option ${option} of ${destination} is not supported`, {
    field: 'mounts',
    remedy: 'give the attributes to the mount itself',
  })
}
