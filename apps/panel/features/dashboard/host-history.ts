import type { HostSample, Stats } from '@gantry/contracts'
import { workingSetBytes } from '../stats/rates.ts'

export type HostPoint = {
  timeS: number
  /** share of all cpus that was busy */
  busy: number
  memoryBytes: number
  /** per project: cpus in use, and memory */
  projects: ReadonlyMap<string, { cpus: number; memoryBytes: number }>
}

/** What the charts show between two samples; null where they are not two. */
export function hostPoint(before: HostSample, after: HostSample): HostPoint | null {
  const total = after.host.cpuTotalNs - before.host.cpuTotalNs
  if (total <= 0 || Date.parse(after.time) <= Date.parse(before.time)) return null
  const busy = Math.min(1, Math.max(0, (after.host.cpuBusyNs - before.host.cpuBusyNs) / total))
  const earlier = new Map(before.projects.map((stats) => [stats.projectId, stats]))
  const projects = new Map(
    after.projects.map((stats) => [
      stats.projectId,
      { cpus: cpusBetween(earlier.get(stats.projectId), stats), memoryBytes: workingSetBytes(stats) },
    ]),
  )
  return { timeS: Date.parse(after.time) / 1000, busy, memoryBytes: after.host.memoryUsedBytes, projects }
}

function cpusBetween(before: Stats | undefined, after: Stats): number {
  if (!before) return 0
  const nanoseconds = Number(BigInt(after.timeNano) - BigInt(before.timeNano))
  return nanoseconds > 0 ? Math.max(0, after.cpu.usageNs - before.cpu.usageNs) / nanoseconds : 0
}
