import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CgroupFolders, folderOf } from './folders.ts'

type Numbers = { [name: string]: number }
const NS_PER_TICK = 1e7

function read(dir: string | undefined, file: string): string | null {
  if (dir === undefined) return null
  try {
    return readFileSync(join(dir, file), 'utf8')
  } catch {
    return null
  }
}

function flat(text: string | null): Numbers {
  return Object.fromEntries(
    (text ?? '')
      .split('\n')
      .flatMap((line) => (line.includes(' ') ? [line.split(' ')] : []))
      .map(([name, value]) => [name, Number(value)]),
  )
}

function count(text: string | null): number {
  const value = Number(text?.trim() ?? 0)
  return Number.isFinite(value) ? value : Number.MAX_SAFE_INTEGER
}

/** Processes that the OOM killer took in this group. */
export function readOomKills(folders: CgroupFolders): number {
  const at = folderOf(folders, 'memory')
  return flat(read(at?.dir, at?.version === 1 ? 'memory.oom_control' : 'memory.events')).oom_kill ?? 0
}

/** As `runc events` shows them, which monitors parse. */
export function readStats(folders: CgroupFolders) {
  const pids = folderOf(folders, 'pids')?.dir
  return {
    cpu: cpu(folders),
    memory: memory(folders),
    pids: { current: count(read(pids, 'pids.current')), limit: limitOf(read(pids, 'pids.max')) },
    blkio: blkio(folders),
    hugetlb: hugetlb(folders),
  }
}

function limitOf(text: string | null): number {
  return text === null || text.trim() === 'max' ? 0 : Number(text)
}

function cpu(folders: CgroupFolders) {
  const account = folderOf(folders, 'cpuacct')
  const cpuDir = folderOf(folders, 'cpu')
  const stat = flat(read(cpuDir?.dir, 'cpu.stat'))
  const throttling = {
    periods: stat.nr_periods ?? 0,
    throttledPeriods: stat.nr_throttled ?? 0,
    throttledTime: stat.throttled_time ?? (stat.throttled_usec ?? 0) * 1000,
  }
  if (!account) {
    const ns = (name: string) => (stat[name] ?? 0) * 1000
    return { usage: { total: ns('usage_usec'), kernel: ns('system_usec'), user: ns('user_usec') }, throttling }
  }
  const ticks = flat(read(account.dir, 'cpuacct.stat'))
  const percpu = (read(account.dir, 'cpuacct.usage_percpu') ?? '').trim().split(/\s+/).map(Number)
  const usage = {
    total: count(read(account.dir, 'cpuacct.usage')),
    percpu,
    kernel: (ticks.system ?? 0) * NS_PER_TICK,
    user: (ticks.user ?? 0) * NS_PER_TICK,
  }
  return { usage, throttling }
}

function memory(folders: CgroupFolders) {
  const at = folderOf(folders, 'memory')
  const raw = flat(read(at?.dir, 'memory.stat'))
  if (at?.version === 2) {
    const usage = {
      usage: count(read(at.dir, 'memory.current')),
      max: count(read(at.dir, 'memory.peak')),
      limit: count(read(at.dir, 'memory.max')),
      failcnt: 0,
    }
    const swap = { usage: count(read(at.dir, 'memory.swap.current')), limit: count(read(at.dir, 'memory.swap.max')), failcnt: 0 }
    return { usage, swap, cache: raw.file ?? 0, raw }
  }
  const set = (name: string) => ({
    usage: count(read(at?.dir, `memory.${name}usage_in_bytes`)),
    max: count(read(at?.dir, `memory.${name}max_usage_in_bytes`)),
    limit: count(read(at?.dir, `memory.${name}limit_in_bytes`)),
    failcnt: count(read(at?.dir, `memory.${name}failcnt`)),
  })
  return { usage: set(''), swap: set('memsw.'), cache: raw.cache ?? 0, raw }
}

function blkio(folders: CgroupFolders) {
  const v1 = folderOf(folders, 'blkio')
  const list = (file: string) =>
    (read(v1?.dir, file) ?? '').split('\n').flatMap((line) => {
      const found = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line)
      return found ? [{ major: Number(found[1]), minor: Number(found[2]), op: found[3], value: Number(found[4]) }] : []
    })
  if (v1) {
    return {
      ioServiceBytesRecursive: list('blkio.throttle.io_service_bytes_recursive'),
      ioServicedRecursive: list('blkio.throttle.io_serviced_recursive'),
    }
  }
  const lines = (read(folderOf(folders, 'io')?.dir, 'io.stat') ?? '').split('\n').flatMap((line) => {
    const [, major, minor, rest = ''] = /^(\d+):(\d+) (.*)$/.exec(line) ?? []
    const values = Object.fromEntries(rest.split(' ').map((field) => field.split('=')))
    return major === undefined ? [] : [{ major: Number(major), minor: Number(minor), values }]
  })
  const pick = (names: readonly (readonly [op: string, field: string])[]) =>
    lines.flatMap(({ major, minor, values }) => names.map(([op, field]) => ({ major, minor, op, value: Number(values[field] ?? 0) })))
  return {
    ioServiceBytesRecursive: pick([
      ['Read', 'rbytes'],
      ['Write', 'wbytes'],
    ]),
    ioServicedRecursive: pick([
      ['Read', 'rios'],
      ['Write', 'wios'],
    ]),
  }
}

function hugetlb(folders: CgroupFolders) {
  const at = folderOf(folders, 'hugetlb')
  if (!at) return {}
  const [current, max] = at.version === 1 ? ['usage_in_bytes', 'limit_in_bytes'] : ['current', 'max']
  const sizes = readdirSync(at.dir).flatMap((file) => /^hugetlb\.(\w+)\.(?:current|usage_in_bytes)$/.exec(file)?.[1] ?? [])
  return Object.fromEntries(
    sizes.map((size) => [
      size,
      { usage: count(read(at.dir, `hugetlb.${size}.${current}`)), limit: count(read(at.dir, `hugetlb.${size}.${max}`)) },
    ]),
  )
}
