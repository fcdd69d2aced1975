import { setImmediate } from 'node:timers/promises'
import type { Stats } from '@gantry/contracts'
import { FileCache } from './file-cache.ts'
import type { HostFacts } from './host-facts.ts'
import type { Layout } from './layout.ts'
import { type IoDevice, parseBlkio, parseCount, parseFlat, parseHostCpu, parseIoStat, parseLimit, parsePressure } from './parse.ts'

export type GroupStats = Omit<Stats, 'name' | 'projectId' | 'network'>
export interface StatsTarget {
  /** Id of the container or project: key of the result. */
  readonly key: string
  /** Of the group and of the one above it, below each mount. */
  readonly path: string
  readonly parent: string
}
export interface StatsReader {
  /** Counters of all groups that exist, at about the same moment. */
  read(targets: readonly StatsTarget[]): Promise<Map<string, GroupStats>>
  oomKills(path: string): number
  /** Closes the files of a group that is going away. */
  forget(path: string): void
}

/** Groups between which other work gets its turn: about 5 ms. */
const BATCH = 50
const NS_PER_TICK = 1e7

/**
 * Reads from kept-open files in the agent itself: measured at a few microseconds a file, less than handing the same list to
 * another process and back.
 */
export function createStatsReader(layout: Layout, facts: HostFacts): StatsReader {
  const files = new FileCache()
  const source = { layout, files, onlineCpus: facts.onlineCpus() }
  return {
    async read(targets) {
      const host = parseHostCpu(files.read('/proc', 'stat') ?? 'cpu 0\n')
      const all = new Map<string, GroupStats>()
      for (const [index, target] of targets.entries()) {
        if (index > 0 && index % BATCH === 0) await setImmediate()
        const stats = readGroup(source, target, host)
        if (stats) all.set(target.key, stats)
        else forget(layout, files, target.path)
      }
      return all
    },
    oomKills: (path) => readOomKills(source, path),
    forget: (path) => forget(layout, files, path),
  }
}

interface Source {
  readonly layout: Layout
  readonly files: FileCache
}
type HostCpu = ReturnType<typeof parseHostCpu>

function forget(layout: Layout, files: FileCache, path: string): void {
  for (const { mount } of layout.hierarchies) files.forget(`${mount}/${path}`)
}

/** Null when the group is not there. */
function readGroup(source: Source, target: StatsTarget, host: HostCpu): GroupStats | null {
  const cpu = readCpu(source, target.path)
  if (!cpu) return null
  return {
    id: target.key,
    timeNano: `${BigInt(Date.now()) * 1_000_000n}`,
    cpu: { ...cpu, hostNs: host.totalNs, onlineCpus: host.onlineCpus },
    memory: readMemory(source, target),
    pids: readPids(source, target.path),
    io: readIo(source, target.path),
    ...readPressure(source, target.path),
  }
}

function at({ layout, files }: Source, controller: keyof Layout['where'], path: string) {
  const hierarchy = layout.where[controller]
  return {
    version: hierarchy?.version,
    read: (file: string) => (hierarchy ? files.read(`${hierarchy.mount}/${path}`, file) : null),
  }
}

type CpuCounters = Omit<Stats['cpu'], 'hostNs' | 'onlineCpus'>

function readCpu(source: Source, path: string): CpuCounters | null {
  const account = at(source, 'cpuacct', path)
  if (account.version === 2) return readCpuV2(account.read('cpu.stat'))
  const usage = account.read('cpuacct.usage_percpu')
  if (usage === null) return null
  const perCpuNs = usage.trim().split(/\s+/).map(Number)
  const ticks = parseFlat(account.read('cpuacct.stat'))
  const stat = parseFlat(at(source, 'cpu', path).read('cpu.stat'))
  return {
    usageNs: perCpuNs.reduce((sum, ns) => sum + ns, 0),
    userNs: (ticks.user ?? 0) * NS_PER_TICK,
    systemNs: (ticks.system ?? 0) * NS_PER_TICK,
    perCpuNs,
    periods: stat.nr_periods ?? 0,
    throttledPeriods: stat.nr_throttled ?? 0,
    throttledNs: stat.throttled_time ?? 0,
  }
}

/** v2 does not tell cpus apart. */
function readCpuV2(text: string | null): CpuCounters | null {
  if (text === null) return null
  const stat = parseFlat(text)
  const ns = (name: string) => (stat[name] ?? 0) * 1000
  return {
    usageNs: ns('usage_usec'),
    userNs: ns('user_usec'),
    systemNs: ns('system_usec'),
    perCpuNs: [],
    periods: stat.nr_periods ?? 0,
    throttledPeriods: stat.nr_throttled ?? 0,
    throttledNs: ns('throttled_usec'),
  }
}

/** The limit told is the one that bites: the group's own or the one above it, whichever is less. */
function readMemory(source: Source, target: StatsTarget): Stats['memory'] {
  const group = at(source, 'memory', target.path)
  const stat = parseFlat(group.read('memory.stat'))
  if (group.version !== 2) {
    return {
      usageBytes: parseCount(group.read('memory.usage_in_bytes')),
      maxUsageBytes: parseCount(group.read('memory.max_usage_in_bytes')),
      limitBytes: parseLimit(String(stat.hierarchical_memory_limit ?? 'max')),
      swapBytes: stat.total_swap ?? 0,
      cacheBytes: stat.total_cache ?? 0,
      rssBytes: stat.total_rss ?? 0,
      inactiveFileBytes: stat.total_inactive_file ?? 0,
      failCount: parseCount(group.read('memory.failcnt')),
      oomKills: readOomKills(source, target.path),
      stat,
    }
  }
  const events = parseFlat(group.read('memory.events'))
  const limits = [parseLimit(group.read('memory.max')), parseLimit(at(source, 'memory', target.parent).read('memory.max'))].filter(Boolean)
  return {
    usageBytes: parseCount(group.read('memory.current')),
    maxUsageBytes: parseCount(group.read('memory.peak')),
    limitBytes: limits.length > 0 ? Math.min(...limits) : 0,
    swapBytes: parseCount(group.read('memory.swap.current')),
    cacheBytes: stat.file ?? 0,
    rssBytes: stat.anon ?? 0,
    inactiveFileBytes: stat.inactive_file ?? 0,
    failCount: events.max ?? 0,
    oomKills: events.oom_kill ?? 0,
    stat,
  }
}

function readOomKills(source: Source, path: string): number {
  const group = at(source, 'memory', path)
  return parseFlat(group.read(group.version === 2 ? 'memory.events' : 'memory.oom_control')).oom_kill ?? 0
}

function readPids(source: Source, path: string): Stats['pids'] {
  const group = at(source, 'pids', path)
  return { current: parseCount(group.read('pids.current')), limit: parseLimit(group.read('pids.max')) }
}

function readIo(source: Source, path: string): Stats['io'] {
  const group = at(source, 'blkio', path)
  const devices = group.version === 2 ? parseIoStat(group.read('io.stat')) : readBlkio(group.read)
  const sum = (field: keyof IoDevice) => devices.reduce((total, device) => total + device[field], 0)
  return { readBytes: sum('readBytes'), writeBytes: sum('writeBytes'), readOps: sum('readOps'), writeOps: sum('writeOps'), devices }
}

/** BFQ counts what goes through it, the throttling layer what it sees (from 6.9 on only once a disk has had a limit): take what there is. */
function readBlkio(read: (file: string) => string | null): IoDevice[] {
  const throttled = parseBlkio(read('blkio.throttle.io_service_bytes_recursive'), read('blkio.throttle.io_serviced_recursive'))
  if (throttled.length > 0) return throttled
  return parseBlkio(read('blkio.bfq.io_service_bytes_recursive'), read('blkio.bfq.io_serviced_recursive'))
}

function readPressure({ layout, files }: Source, path: string): Pick<GroupStats, 'pressure'> {
  if (!layout.unified) return {}
  const dir = `${layout.unified.mount}/${path}`
  const cpu = parsePressure(files.read(dir, 'cpu.pressure'))
  const memory = parsePressure(files.read(dir, 'memory.pressure'))
  const io = parsePressure(files.read(dir, 'io.pressure'))
  return cpu || memory || io ? { pressure: { cpu, memory, io } } : {}
}
