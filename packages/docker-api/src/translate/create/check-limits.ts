import { GantryError } from '@gantry/contracts'

/** What Docker looks at before the engine does, in its words (moby, daemon/daemon_unix.go, verifyPlatformContainerResources). */
export interface LimitsGiven {
  readonly Memory?: number | undefined
  readonly MemorySwap?: number | undefined
  readonly MemoryReservation?: number | undefined
  readonly MemorySwappiness?: number | undefined
  readonly NanoCpus?: number | undefined
  readonly CpuPeriod?: number | undefined
  readonly CpuQuota?: number | undefined
  readonly CpusetCpus?: string | undefined
  readonly CpusetMems?: string | undefined
  readonly CpuRealtimePeriod?: number | undefined
  readonly CpuRealtimeRuntime?: number | undefined
  readonly BlkioWeight?: number | undefined
  readonly ShmSize?: number | undefined
  readonly OomScoreAdj?: number | undefined
}

const leastMemory = 6 * 1024 * 1024
type Rule = (given: LimitsGiven) => string | number | undefined | false

const rules: readonly Rule[] = [
  ({ Memory = 0 }) => Memory > 0 && Memory < leastMemory && 'Minimum memory limit allowed is 6MB',
  ({ Memory = 0, MemorySwap = 0 }) =>
    Memory > 0 && MemorySwap > 0 && MemorySwap < Memory && 'Minimum memoryswap limit should be larger than memory limit, see usage',
  ({ Memory = 0, MemorySwap = 0 }) =>
    Memory === 0 && MemorySwap > 0 && 'You should always set the Memory limit when using Memoryswap limit, see usage',
  ({ MemorySwappiness: value = -1 }) => (value < -1 || value > 100) && `Invalid value: ${value}, valid memory swappiness range is 0-100`,
  ({ MemoryReservation = 0 }) => MemoryReservation > 0 && MemoryReservation < leastMemory && 'Minimum memory reservation allowed is 6MB',
  ({ Memory = 0, MemoryReservation = 0 }) =>
    Memory > 0 && Memory < MemoryReservation && 'Minimum memory limit can not be less than memory reservation limit, see usage',
  ({ NanoCpus, CpuPeriod }) => NanoCpus && CpuPeriod && 'Conflicting options: Nano CPUs and CPU Period cannot both be set',
  ({ NanoCpus, CpuQuota }) => NanoCpus && CpuQuota && 'Conflicting options: Nano CPUs and CPU Quota cannot both be set',
  ({ CpuPeriod: value }) =>
    value && (value < 1000 || value > 1_000_000) && 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
  ({ CpuQuota: value }) => value && value > 0 && value < 1000 && 'CPU cfs quota can not be less than 1ms (i.e. 1000)',
  ({ CpuRealtimePeriod: period, CpuRealtimeRuntime: runtime }) =>
    period && runtime && runtime > period && 'cpu real-time runtime cannot be higher than cpu real-time period',
  ({ CpusetCpus: list }) => list && !isList(list) && `Invalid value ${list} for cpuset cpus`,
  ({ CpusetMems: list }) => list && !isList(list) && `Invalid value ${list} for cpuset mems`,
  ({ BlkioWeight: value }) => value && (value < 10 || value > 1000) && 'Range of blkio weight is from 10 to 1000',
  ({ ShmSize: value }) => value && value < 0 && 'SHM size can not be less than 0',
  ({ OomScoreAdj: value }) =>
    value && (value < -1000 || value > 1000) && `Invalid value ${value}, range for oom score adj is [-1000, 1000]`,
]

const isList = (text: string) => /^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)

/** Throws `invalid_input` with Docker's sentence for the first that is wrong. */
export function checkLimits(given: LimitsGiven): void {
  for (const rule of rules) {
    const why = rule(given)
    if (typeof why === 'string' && why !== '') throw new GantryError('invalid_input', why, { field: 'HostConfig' })
  }
}
