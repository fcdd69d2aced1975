import type { StatsRow } from '@gantry/contracts'

/** What a list shows of a running container. */
export type RowRates = {
  cpus: number
  cpuHistory: readonly number[]
  memoryBytes: number
  /** 0: no limit */
  memoryLimitBytes: number
  pids: number
}
const historyLength = 30

/** The list's rates after one more reading; what stopped is gone from it, what just started is not in it yet. */
export function nextRowRates(
  known: ReadonlyMap<string, RowRates>,
  before: readonly StatsRow[],
  rows: readonly StatsRow[],
): ReadonlyMap<string, RowRates> {
  const earlier = new Map(before.map((row) => [row.id, row]))
  const next = new Map<string, RowRates>()
  for (const row of rows) {
    const then = earlier.get(row.id)
    const shown = known.get(row.id)
    const seconds = then ? Number(BigInt(row.timeNano) - BigInt(then.timeNano)) / 1e9 : 0
    if (then && seconds > 0 && row.cpuUsageNs >= then.cpuUsageNs) {
      const cpus = (row.cpuUsageNs - then.cpuUsageNs) / 1e9 / seconds
      next.set(row.id, {
        cpus,
        cpuHistory: [...(shown?.cpuHistory ?? []), cpus].slice(-historyLength),
        memoryBytes: row.memoryUsageBytes,
        memoryLimitBytes: row.memoryLimitBytes,
        pids: row.pids,
      })
    } else if (shown) next.set(row.id, shown)
  }
  return next
}
