import type { Stats } from '@gantry/contracts'

/** What a chart shows at one moment. Rates are per second of real time between two readings. */
export type Rates = {
  timeMs: number
  /** cpus in use: 1 is one cpu fully busy */
  cpus: number
  userCpus: number
  systemCpus: number
  memoryBytes: number
  memoryLimitBytes: number
  cacheBytes: number
  swapBytes: number
  pids: number
  pidsLimit: number
  readBytesPerS: number
  writeBytesPerS: number
  readOpsPerS: number
  writeOpsPerS: number
  rxBytesPerS: number
  txBytesPerS: number
  /** share of the cpu periods in which the group was held back */
  throttledShare: number
  /** share of time in which something waited; null where the kernel does not say */
  cpuPressure: number | null
  memoryPressure: number | null
  ioPressure: number | null
}

/** What docker calls memory use: without file pages that can be dropped at once. */
export const workingSetBytes = (stats: Stats) => Math.max(0, stats.memory.usageBytes - stats.memory.inactiveFileBytes)

const networkSum = (stats: Stats, key: 'rxBytes' | 'txBytes') =>
  Object.entries(stats.network).reduce((sum, [name, counters]) => (name === 'lo' ? sum : sum + counters[key]), 0)

/** Rates between two readings of the same group, or null when they are not two (same time, or counters started again). */
export function ratesBetween(before: Stats, after: Stats): Rates | null {
  const seconds = Number(BigInt(after.timeNano) - BigInt(before.timeNano)) / 1e9
  if (seconds <= 0 || after.cpu.usageNs < before.cpu.usageNs) return null
  const per = (now: number, then: number) => Math.max(0, now - then) / seconds
  const periods = after.cpu.periods - before.cpu.periods
  const stalled = (kind: 'cpu' | 'memory' | 'io') => {
    const [now, then] = [after.pressure?.[kind], before.pressure?.[kind]]
    return now && then ? Math.min(1, per(now.someUs, then.someUs) / 1e6) : null
  }
  return {
    timeMs: Number(BigInt(after.timeNano) / 1_000_000n),
    cpus: per(after.cpu.usageNs, before.cpu.usageNs) / 1e9,
    userCpus: per(after.cpu.userNs, before.cpu.userNs) / 1e9,
    systemCpus: per(after.cpu.systemNs, before.cpu.systemNs) / 1e9,
    memoryBytes: workingSetBytes(after),
    memoryLimitBytes: after.memory.limitBytes,
    cacheBytes: after.memory.cacheBytes,
    swapBytes: after.memory.swapBytes,
    pids: after.pids.current,
    pidsLimit: after.pids.limit,
    readBytesPerS: per(after.io.readBytes, before.io.readBytes),
    writeBytesPerS: per(after.io.writeBytes, before.io.writeBytes),
    readOpsPerS: per(after.io.readOps, before.io.readOps),
    writeOpsPerS: per(after.io.writeOps, before.io.writeOps),
    rxBytesPerS: per(networkSum(after, 'rxBytes'), networkSum(before, 'rxBytes')),
    txBytesPerS: per(networkSum(after, 'txBytes'), networkSum(before, 'txBytes')),
    throttledShare: periods > 0 ? (after.cpu.throttledPeriods - before.cpu.throttledPeriods) / periods : 0,
    cpuPressure: stalled('cpu'),
    memoryPressure: stalled('memory'),
    ioPressure: stalled('io'),
  }
}
