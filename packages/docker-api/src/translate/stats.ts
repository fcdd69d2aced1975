import type { Stats } from '@gantry/contracts'
import { never } from './times.ts'

/** What of the machine the numbers are measured against. */
export interface StatsHost {
  memoryBytes: number
  cgroupVersion: 'v1' | 'v2' | 'hybrid'
}

/** One sample in Docker's arithmetic; `before` is the sample that rates are taken against. */
export function toStats(stats: Stats, before: Stats | undefined, host: StatsHost): object {
  const read = timeOf(stats)
  return {
    name: `/${stats.name}`,
    id: stats.id,
    read,
    preread: before ? timeOf(before) : never,
    pids_stats: { current: stats.pids.current, ...(stats.pids.limit > 0 ? { limit: stats.pids.limit } : {}) },
    blkio_stats: toBlkio(stats),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: toCpu(stats),
    precpu_stats: before ? toCpu(before) : noCpu,
    memory_stats: toMemory(stats, host),
    networks: toInterfaces(stats),
  }
}

/** A container that does not run has no numbers, which is no error. */
export function noStats(id: string, name: string): object {
  return {
    name: `/${name}`,
    id,
    read: never,
    preread: never,
    pids_stats: {},
    blkio_stats: noBlkio,
    num_procs: 0,
    storage_stats: {},
    cpu_stats: noCpu,
    precpu_stats: noCpu,
    memory_stats: {},
  }
}

const throttling = { periods: 0, throttled_periods: 0, throttled_time: 0 }
const noCpu = { cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 }, throttling_data: throttling }

/** RFC 3339 with nanoseconds. */
function timeOf({ timeNano }: Stats): string {
  const nano = BigInt(timeNano)
  const text = new Date(Number(nano / 1_000_000n)).toISOString().slice(0, 19)
  return `${text}.${String(nano % 1_000_000_000n).padStart(9, '0')}Z`
}

function toCpu({ cpu }: Stats): object {
  return {
    cpu_usage: {
      total_usage: cpu.usageNs,
      ...(cpu.perCpuNs.length > 0 ? { percpu_usage: cpu.perCpuNs } : {}),
      usage_in_kernelmode: cpu.systemNs,
      usage_in_usermode: cpu.userNs,
    },
    // Of the whole machine, idle time included: clients divide by it.
    system_cpu_usage: cpu.hostNs,
    online_cpus: cpu.onlineCpus,
    throttling_data: { periods: cpu.periods, throttled_periods: cpu.throttledPeriods, throttled_time: cpu.throttledNs },
  }
}

/** Clients subtract what can be dropped at once: `total_inactive_file` on v1, `inactive_file` on v2. */
function toMemory({ memory }: Stats, host: StatsHost): object {
  const v1 = host.cgroupVersion !== 'v2'
  const stat = v1
    ? { total_inactive_file: memory.inactiveFileBytes, ...memory.stat }
    : { inactive_file: memory.inactiveFileBytes, ...memory.stat }
  return {
    usage: memory.usageBytes,
    ...(v1 ? { max_usage: memory.maxUsageBytes, failcnt: memory.failCount } : {}),
    limit: memory.limitBytes > 0 ? Math.min(memory.limitBytes, host.memoryBytes) : host.memoryBytes,
    stats: stat,
  }
}

const noBlkio = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
}

function toBlkio({ io }: Stats): object {
  const rows = (read: 'readBytes' | 'readOps', write: 'writeBytes' | 'writeOps') =>
    io.devices.flatMap(({ major, minor, ...counters }) => [
      { major, minor, op: 'Read', value: counters[read] },
      { major, minor, op: 'Write', value: counters[write] },
    ])
  return { ...noBlkio, io_service_bytes_recursive: rows('readBytes', 'writeBytes'), io_serviced_recursive: rows('readOps', 'writeOps') }
}

function toInterfaces({ network }: Stats): Record<string, object> {
  return Object.fromEntries(
    Object.entries(network).map(([name, link]) => [
      name,
      {
        rx_bytes: link.rxBytes,
        rx_packets: link.rxPackets,
        rx_errors: link.rxErrors,
        rx_dropped: link.rxDropped,
        tx_bytes: link.txBytes,
        tx_packets: link.txPackets,
        tx_errors: link.txErrors,
        tx_dropped: link.txDropped,
      },
    ]),
  )
}
