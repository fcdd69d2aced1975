import type { ProjectUsageView } from '@gantry/contracts'
import { formatBytes, formatCpus } from '../../lib/format.ts'

export type LimitName = 'nanoCpus' | 'memoryBytes' | 'pids' | 'containers' | 'volumes' | 'images' | 'diskBytes'
export type QuotaLine = { name: LimitName; used: number; limit: number | undefined; usedText: string; limitText: string | undefined }

const count = (value: number) => value.toString()

/**
 * One line per limit of a project: how much of it is used. Cpu has no use at one moment, so the caller passes what it
 * measured (`cpus`), or leaves it out.
 */
export function quotaLines({ limits, used, stats }: Pick<ProjectUsageView, 'limits' | 'used' | 'stats'>, cpus?: number): QuotaLine[] {
  const line = (name: LimitName, amount: number, text: (value: number) => string): QuotaLine => {
    const limit = limits[name]
    return { name, used: amount, limit, usedText: text(amount), limitText: limit === undefined ? undefined : text(limit) }
  }
  return [
    line('nanoCpus', Math.round((cpus ?? 0) * 1e9), formatCpus),
    line('memoryBytes', stats ? Math.max(0, stats.memory.usageBytes - stats.memory.inactiveFileBytes) : 0, formatBytes),
    line('pids', stats?.pids.current ?? 0, count),
    line('containers', used.containers, count),
    line('volumes', used.volumes, count),
    line('images', used.images, count),
    line('diskBytes', used.diskBytes ?? 0, formatBytes),
  ]
}
