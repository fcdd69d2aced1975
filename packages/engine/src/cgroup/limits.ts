import { containerDefaults, type Resources } from '@gantry/contracts'

/** Which level of the tree a group is: a project's group holds the sum of its containers. */
export type Level = 'project' | 'container'

/** `Resources` with every default decided and every alternative spelling resolved. `undefined` is "no limit". */
export interface Limits {
  readonly cpuShares?: number
  readonly cpu?: { readonly quotaUs: number; readonly periodUs: number }
  readonly cpuBurstUs?: number
  readonly cpuRt?: { readonly runtimeUs: number; readonly periodUs: number }
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly memoryBytes?: number
  /** Memory and swap together. */
  readonly memorySwapBytes?: number
  readonly memoryReservationBytes?: number
  readonly memorySwappiness?: number
  readonly oomKillDisable: boolean
  readonly pids?: number
  readonly blkioWeight?: number
  readonly blkioWeightDevices: readonly { readonly device: string; readonly weight: number }[]
  readonly throttles: Readonly<Record<ThrottleKind, readonly { readonly device: string; readonly rate: number }[]>>
  readonly hugetlb: Readonly<Record<string, number>>
}
export type ThrottleKind = 'readBps' | 'writeBps' | 'readIops' | 'writeIops'

const DEFAULT_PERIOD_US = 100_000
/** Kernel default of sched_rt_period_us. */
const DEFAULT_RT_PERIOD_US = 1_000_000

export const unlimited: Limits = {
  oomKillDisable: false,
  blkioWeightDevices: [],
  throttles: { readBps: [], writeBps: [], readIops: [], writeIops: [] },
  hugetlb: {},
}

/**
 * Docker's defaults: on a container, swap may double a memory limit and 2048 processes are the most. A project that says
 * nothing about swap gets none beyond its memory, so that its memory limit is what it can use in all.
 */
export function limitsOf(resources: Resources, level: Level): Limits {
  const r = resources
  return {
    cpuShares: r.cpuShares,
    cpu: cpuTime(r),
    cpuBurstUs: r.cpuBurstUs,
    cpuRt: r.cpuRtRuntimeUs ? { runtimeUs: r.cpuRtRuntimeUs, periodUs: r.cpuRtPeriodUs ?? DEFAULT_RT_PERIOD_US } : undefined,
    cpusetCpus: r.cpusetCpus,
    cpusetMems: r.cpusetMems,
    memoryBytes: r.memoryBytes || undefined,
    memorySwapBytes: memoryAndSwap(r, level),
    memoryReservationBytes: r.memoryReservationBytes || undefined,
    memorySwappiness: r.memorySwappiness,
    oomKillDisable: r.oomKillDisable ?? false,
    pids: r.pidsLimit === -1 ? undefined : (r.pidsLimit ?? (level === 'container' ? containerDefaults.pidsLimit : undefined)),
    blkioWeight: r.blkioWeight,
    blkioWeightDevices: r.blkioWeightDevices ?? [],
    throttles: {
      readBps: r.blkioReadBps ?? [],
      writeBps: r.blkioWriteBps ?? [],
      readIops: r.blkioReadIops ?? [],
      writeIops: r.blkioWriteIops ?? [],
    },
    hugetlb: r.hugetlb ?? {},
  }
}

function cpuTime(r: Resources): Limits['cpu'] {
  if (r.nanoCpus) return { quotaUs: Math.round((r.nanoCpus * DEFAULT_PERIOD_US) / 1e9), periodUs: DEFAULT_PERIOD_US }
  if (r.cpuQuotaUs) return { quotaUs: r.cpuQuotaUs, periodUs: r.cpuPeriodUs ?? DEFAULT_PERIOD_US }
  return undefined
}

function memoryAndSwap(r: Resources, level: Level): number | undefined {
  if (!r.memoryBytes || r.memorySwapBytes === -1) return undefined
  if (r.memorySwapBytes) return r.memorySwapBytes
  return level === 'container' ? r.memoryBytes * 2 : r.memoryBytes
}
