import { readFileSync } from 'node:fs'

/** One mounted hierarchy with the kernel's words for its controllers; a named one (`name=systemd`) has none. */
export interface Hierarchy {
  readonly mount: string
  readonly version: 1 | 2
  readonly controllers: readonly string[]
  readonly name?: string
}

const known = [
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
  'rdma',
  'misc',
]

/** By what is mounted (proc_pid_mountinfo(5)), never by folder name; the first mount of a hierarchy counts. */
export function readHierarchies(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): Hierarchy[] {
  const found: Hierarchy[] = []
  const seen = new Set<string>()
  for (const line of mountinfo.split('\n')) {
    const [before = '', after] = line.split(' - ')
    if (!after) continue
    const [type = '', , options = ''] = after.split(' ')
    const mount = unescapeOctal(before.split(' ')[4] ?? '')
    const words = options.split(',')
    const controllers = words.filter((word) => known.includes(word))
    const name = words.find((word) => word.startsWith('name='))?.slice(5)
    const key = type === 'cgroup2' ? 'cgroup2' : `${controllers.join(',')} ${name ?? ''}`
    if ((type !== 'cgroup' && type !== 'cgroup2') || seen.has(key)) continue
    seen.add(key)
    if (type === 'cgroup') found.push({ mount, version: 1, controllers, ...(name === undefined ? {} : { name }) })
    else found.push({ mount, version: 2, controllers: readWords(`${mount}/cgroup.controllers`) })
  }
  return found
}

function readWords(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split(/\s+/).filter(Boolean)
  } catch {
    return []
  }
}

function unescapeOctal(text: string): string {
  return text.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
