import type { Stats } from '@gantry/contracts'

export type IoDevice = Stats['io']['devices'][number]
export type Pressure = NonNullable<NonNullable<Stats['pressure']>['cpu']>

/** `name value` lines, as in memory.stat and cpu.stat. */
export function parseFlat(text: string | null): Record<string, number> {
  const values: Record<string, number> = {}
  if (!text) return values
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf('\n', start)
    const end = found < 0 ? text.length : found
    const space = text.indexOf(' ', start)
    if (space > start && space < end) values[text.slice(start, space)] = Number(text.slice(space + 1, end))
    start = end + 1
  }
  return values
}

/** v1's way of saying "no limit": the largest page-aligned 64-bit number. */
const V1_NONE = 2 ** 62

/** Bytes or a count; 0 for `max`, for v1's huge number and for a missing file. */
export function parseLimit(text: string | null): number {
  if (text === null) return 0
  const value = Number(text)
  return Number.isNaN(value) || value < 0 || value >= V1_NONE ? 0 : value
}

export function parseCount(text: string | null): number {
  return text === null ? 0 : Number(text) || 0
}

/** `254:0 rbytes=1 wbytes=2 rios=3 wios=4 …`; disks without traffic have no fields. */
export function parseIoStat(text: string | null): IoDevice[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const [disk = '', ...fields] = line.trim().split(' ')
    const [major, minor] = disk.split(':').map(Number)
    if (major === undefined || minor === undefined || fields.length === 0) return []
    const values = new Map(fields.map((field) => field.split('=') as [string, string]))
    const of = (name: string) => Number(values.get(name) ?? 0)
    return [{ major, minor, readBytes: of('rbytes'), writeBytes: of('wbytes'), readOps: of('rios'), writeOps: of('wios') }]
  })
}

/** v1: `254:0 Read 4096` lines, once for bytes and once for operations, and a `Total` at the end. */
export function parseBlkio(bytes: string | null, ops: string | null): IoDevice[] {
  const devices = new Map<string, IoDevice>()
  const collect = (text: string | null, read: 'readBytes' | 'readOps', write: 'writeBytes' | 'writeOps') => {
    for (const line of (text ?? '').split('\n')) {
      const [disk = '', kind, value] = line.split(' ')
      const [major, minor] = disk.split(':').map(Number)
      if (major === undefined || minor === undefined || (kind !== 'Read' && kind !== 'Write')) continue
      const device = devices.get(disk) ?? { major, minor, readBytes: 0, writeBytes: 0, readOps: 0, writeOps: 0 }
      devices.set(disk, { ...device, [kind === 'Read' ? read : write]: Number(value) })
    }
  }
  collect(bytes, 'readBytes', 'writeBytes')
  collect(ops, 'readOps', 'writeOps')
  return [...devices.values()]
}

const somePressure = /^some avg10=([\d.]+) .*total=(\d+)$/m
const fullPressure = /^full avg10=([\d.]+) .*total=(\d+)$/m

/** `some avg10=0.12 avg60=… avg300=… total=34` and the same for `full` (cpu has had it since 5.13 only). */
export function parsePressure(text: string | null): Pressure | undefined {
  if (!text) return undefined
  const some = somePressure.exec(text)
  if (!some) return undefined
  const full = fullPressure.exec(text)
  return { someUs: Number(some[2]), someAvg10: Number(some[1]), fullUs: Number(full?.[2] ?? 0), fullAvg10: Number(full?.[1] ?? 0) }
}

/** Sum of /proc/stat's first line in nanoseconds, all states of all cpus (docker's system_cpu_usage), and the busy part of it. */
export function parseHostCpu(procStat: string): { totalNs: number; busyNs: number; onlineCpus: number } {
  const NS_PER_TICK = 1e7
  const fields = procStat.slice(0, procStat.indexOf('\n')).trim().split(/\s+/).slice(1, 9).map(Number)
  const total = fields.reduce((sum, ticks) => sum + ticks, 0)
  const idle = (fields[3] ?? 0) + (fields[4] ?? 0)
  const onlineCpus = procStat.match(/^cpu\d+ /gm)?.length ?? 1
  return { totalNs: total * NS_PER_TICK, busyNs: (total - idle) * NS_PER_TICK, onlineCpus }
}
