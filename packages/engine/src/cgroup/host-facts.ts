import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'

/** What controllers ask about the machine. Reads only; `sys` may be another folder in tests. */
export interface HostFacts {
  /** Lists in cpuset(7) syntax. */
  onlineCpus(): string
  onlineMems(): string
  /** `major:minor` of a whole disk. Throws `invalid_input` when it is none. */
  disk(device: string): string
  /** `major:minor` of every whole disk that containers may come to use; no loop or memory disks. */
  disks(): string[]
  /** Sizes of huge pages this kernel has, as in file names: `2MB`. */
  hugePageSizes(): string[]
  exists(path: string): boolean
  /** Trimmed content, or null when the file is not there. */
  read(path: string): string | null
  /** Folders in a group, i.e. its child groups. */
  children(dir: string): string[]
}

const ONLINE_KEPT_MS = 5000

export function createHostFacts(sys = '/sys'): HostFacts {
  const read = (path: string): string | null => {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch (error) {
      if (isGone(error)) return null
      throw error
    }
  }
  return {
    onlineCpus: onlineList(() => read(join(sys, 'devices/system/cpu/online'))),
    onlineMems: onlineList(() => read(join(sys, 'devices/system/node/online'))),
    disk: (device) => wholeDisk(sys, device),
    disks: () =>
      listDir(join(sys, 'block'))
        .filter((name) => !/^(loop|ram|zram|sr|fd)\d+$/.test(name))
        .flatMap((name) => read(join(sys, 'block', name, 'dev')) ?? []),
    hugePageSizes: () => listDir(join(sys, 'kernel/mm/hugepages')).flatMap((name) => hugePageName(name) ?? []),
    exists: existsSync,
    read,
    children: (dir) => {
      try {
        return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
      } catch (error) {
        if (isGone(error)) return []
        throw error
      }
    },
  }
}

/** Cpus and nodes do come and go, but rarely enough for a look every few seconds. */
function onlineList(read: () => string | null): () => string {
  let list = ''
  let readAt = Number.NEGATIVE_INFINITY
  return () => {
    if (performance.now() - readAt > ONLINE_KEPT_MS) {
      list = read() ?? '0'
      readAt = performance.now()
    }
    return list
  }
}

/** The errors by which cgroupfs says that a group or file is not there (ENODEV: removed while open). */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENODEV' || code === 'ENOTDIR'
}

function listDir(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : []
}

/** `hugepages-2048kB` → `2MB`, the kernel's spelling in hugetlb file names. */
function hugePageName(folder: string): string | null {
  const kib = Number(/^hugepages-(\d+)kB$/.exec(folder)?.[1])
  if (!kib) return null
  if (kib % (1024 * 1024) === 0) return `${kib / (1024 * 1024)}GB`
  return kib % 1024 === 0 ? `${kib / 1024}MB` : `${kib}KB`
}

/** Limits and weights belong to whole disks: the kernel refuses partitions with ENODEV. */
function wholeDisk(sys: string, device: string): string {
  const number = device.startsWith('/') ? deviceNumber(device) : device
  const folder = join(sys, 'dev/block', number)
  const refuse = (why: string, remedy: string) => new GantryError('invalid_input', `${device} ${why}`, { value: device, remedy })
  if (!existsSync(folder)) throw refuse('is not a block device of this machine', 'name a disk that lsblk shows')
  if (existsSync(join(folder, 'partition'))) throw refuse('is a partition', 'name the whole disk: the kernel limits disks, not partitions')
  return number
}

function deviceNumber(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new GantryError('invalid_input', `${path} does not exist`, { value: path, remedy: 'name a disk that lsblk shows' })
  if (!stat.isBlockDevice()) {
    throw new GantryError('invalid_input', `${path} is not a block device`, { value: path, remedy: 'name a disk that lsblk shows' })
  }
  // Linux encodes 12 bits of major and 20 bits of minor in st_rdev; makedev(3).
  const major = (stat.rdev >>> 8) & 0xfff
  const minor = (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00)
  return `${major}:${minor}`
}
