import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Controllers that Gantry limits or counts with. On v2 `devices` is a BPF program and `freezer`, `cpuacct` are part of the core. */
export const controllerNames = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'hugetlb'] as const
export type ControllerName = (typeof controllerNames)[number]

/** One mounted hierarchy; on v1 several controllers may share it. */
export interface Hierarchy {
  readonly mount: string
  readonly version: 1 | 2
  readonly controllers: readonly ControllerName[]
  /** v2: what every group hands down, in the kernel's words, for cgroup.subtree_control. */
  readonly enable: readonly string[]
}

export interface Layout {
  readonly version: 'v1' | 'v2' | 'hybrid'
  readonly hierarchies: readonly Hierarchy[]
  /** Where each controller lives; absent when the kernel has it nowhere mounted. */
  readonly where: Readonly<Partial<Record<ControllerName, Hierarchy>>>
  /** The cgroup2 mount, controllers or not: pressure, cgroup.kill. */
  readonly unified: Hierarchy | undefined
}

interface CgroupMount {
  readonly mount: string
  readonly version: 1 | 2
  readonly words: readonly string[]
}

/**
 * Finds the hierarchies by what is mounted (proc_pid_mountinfo(5)), never by folder name: other engines leave plain tmpfs
 * folders such as `hugetlb/` beside the real mounts. A hierarchy mounted several times counts once, its first mount wins.
 * @param selfCgroup text of /proc/self/cgroup: a named hierarchy matters only when this process is not at its root
 */
export function readLayout(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8'), selfCgroup = readSelfCgroup()): Layout {
  const mounts = parseMounts(mountinfo)
  const hierarchies: Hierarchy[] = []
  const where: Partial<Record<ControllerName, Hierarchy>> = {}
  const add = (hierarchy: Hierarchy) => {
    const controllers = hierarchy.controllers.filter((name) => where[name] === undefined)
    const own = { ...hierarchy, controllers }
    hierarchies.push(own)
    for (const name of controllers) where[name] = own
    return own
  }
  for (const mount of mounts.filter((m) => m.version === 1)) {
    const controllers = controllerNames.filter((name) => mount.words.includes(name))
    const known = controllers.length > 0 && controllers.every((name) => where[name] !== undefined)
    if (controllers.length > 0 ? !known : entersNamed(mount, selfCgroup, hierarchies)) {
      add({ mount: mount.mount, version: 1, controllers, enable: [] })
    }
  }
  const second = mounts.find((m) => m.version === 2)
  const unified = second && add(unifiedHierarchy(second.mount, where))
  const v1 = hierarchies.some((h) => h.version === 1 && h.controllers.length > 0)
  return { version: !v1 && unified ? 'v2' : unified ? 'hybrid' : 'v1', hierarchies, where, unified }
}

function readSelfCgroup(): string {
  return readFileSync('/proc/self/cgroup', 'utf8')
}

/** What a cgroup2 mount can hold: its controllers, and the core features that are controllers of their own on v1. */
function unifiedHierarchy(mount: string, taken: Readonly<Partial<Record<ControllerName, Hierarchy>>>): Hierarchy {
  const file = join(mount, 'cgroup.controllers')
  const present = existsSync(file) ? readFileSync(file, 'utf8').trim().split(/\s+/) : []
  const kernelNames: Partial<Record<ControllerName, string>> = {
    cpu: 'cpu',
    cpuset: 'cpuset',
    memory: 'memory',
    blkio: 'io',
    pids: 'pids',
    hugetlb: 'hugetlb',
  }
  const controllers = controllerNames.filter((name) => {
    const kernelName = kernelNames[name]
    if (taken[name]) return false
    return kernelName === undefined || present.includes(kernelName)
  })
  // Huge pages are enabled for those who limit them (hugetlb.ts): nearly nobody, and each group with them costs memory.
  const enable = controllers.filter((name) => name !== 'hugetlb').flatMap((name) => kernelNames[name] ?? [])
  return { mount, version: 2, controllers, enable }
}

/**
 * systemd's bookkeeping hierarchy: entered only when the agent itself is filed under some service there, else stopping that
 * service would take the containers along.
 */
function entersNamed(mount: CgroupMount, selfCgroup: string, seen: readonly Hierarchy[]): boolean {
  if (seen.some((h) => h.mount === mount.mount)) return false
  const name = mount.words.find((word) => word === 'name=systemd')
  if (!name) return false
  const line = selfCgroup.split('\n').find((text) => text.split(':')[1] === name)
  return line !== undefined && line.split(':').slice(2).join(':') !== '/'
}

/** Lines look like `36 31 0:33 / /sys/fs/cgroup/devices rw,relatime shared:1 - cgroup cgroup rw,devices`. */
function parseMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const [type, , options = ''] = after?.split(' ') ?? []
    const mount = before?.split(' ')[4]
    if (!mount || (type !== 'cgroup' && type !== 'cgroup2')) return []
    const path = mount.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    return [{ mount: path, version: type === 'cgroup2' ? (2 as const) : (1 as const), words: options.split(',') }]
  })
}
