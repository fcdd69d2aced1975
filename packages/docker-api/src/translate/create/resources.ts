import type { ContainerSpecInput, Resources, ResourcesUpdate, Ulimit } from '@gantry/contracts'
import { z } from 'zod'
import { checkLimits } from './check-limits.ts'
import { count, optional, texts, word } from './fields.ts'

const weightDevices = optional(z.array(z.object({ Path: z.string(), Weight: z.number() })))
const throttles = optional(z.array(z.object({ Path: z.string(), Rate: z.number() })))

/** Fields of HostConfig that limit, also those of `update`. */
export const resourceFields = {
  CpuShares: count,
  NanoCpus: count,
  NanoCPUs: count,
  CpuPeriod: count,
  CpuQuota: count,
  CpuRealtimePeriod: count,
  CpuRealtimeRuntime: count,
  CpusetCpus: word,
  CpusetMems: word,
  Memory: count,
  MemorySwap: count,
  MemoryReservation: count,
  /** -1 and null say nothing; 0 is a value. */
  MemorySwappiness: optional(z.number().int()),
  OomKillDisable: optional(z.boolean()),
  /** -1: none; 0 says nothing. */
  PidsLimit: count,
  BlkioWeight: count,
  BlkioWeightDevice: weightDevices,
  BlkioDeviceReadBps: throttles,
  BlkioDeviceWriteBps: throttles,
  BlkioDeviceReadIOps: throttles,
  BlkioDeviceWriteIOps: throttles,
}
type Given = z.output<z.ZodObject<typeof resourceFields>>

export function toResources(host: Given): Resources {
  checkLimits({ ...host, NanoCpus: host.NanoCpus ?? host.NanoCPUs })
  const devices = (list: { Path: string; Rate: number }[] | undefined) =>
    list?.length ? list.map(({ Path, Rate }) => ({ device: Path, rate: Rate })) : undefined
  return defined({
    cpuShares: host.CpuShares,
    nanoCpus: host.NanoCpus ?? host.NanoCPUs,
    cpuPeriodUs: host.CpuPeriod,
    cpuQuotaUs: positive(host.CpuQuota),
    cpuRtPeriodUs: host.CpuRealtimePeriod,
    cpuRtRuntimeUs: host.CpuRealtimeRuntime,
    cpusetCpus: host.CpusetCpus,
    cpusetMems: host.CpusetMems,
    memoryBytes: positive(host.Memory),
    memorySwapBytes: host.MemorySwap,
    memoryReservationBytes: positive(host.MemoryReservation),
    memorySwappiness: host.MemorySwappiness === -1 ? undefined : host.MemorySwappiness,
    oomKillDisable: host.OomKillDisable || undefined,
    pidsLimit: host.PidsLimit !== undefined && host.PidsLimit < 0 ? -1 : host.PidsLimit,
    blkioWeight: host.BlkioWeight,
    blkioWeightDevices: host.BlkioWeightDevice?.length
      ? host.BlkioWeightDevice.map(({ Path, Weight }) => ({ device: Path, weight: Weight }))
      : undefined,
    blkioReadBps: devices(host.BlkioDeviceReadBps),
    blkioWriteBps: devices(host.BlkioDeviceWriteBps),
    blkioReadIops: devices(host.BlkioDeviceReadIOps),
    blkioWriteIops: devices(host.BlkioDeviceWriteIOps),
  })
}

/** As `update` means it: 0 and '' leave a limit as it is, -1 takes it away. */
export function toResourcesUpdate(host: Given): ResourcesUpdate {
  const removed = {
    memoryBytes: host.Memory,
    memoryReservationBytes: host.MemoryReservation,
    cpuQuotaUs: host.CpuQuota,
    pidsLimit: host.PidsLimit,
  }
  const none = Object.entries(removed).filter(([, value]) => value !== undefined && value < 0)
  return { ...toResources({ ...host, MemorySwap: host.MemorySwap }), ...Object.fromEntries(none.map(([name]) => [name, null])) }
}

const positive = (value: number | undefined) => (value !== undefined && value < 0 ? undefined : value)

/** Without the keys that say nothing: an update must not replace what it does not name. */
function defined(resources: Resources): Resources {
  return Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined))
}

/** Limits of processes and devices beside the cgroup's. */
export const processFields = {
  Ulimits: optional(z.array(z.object({ Name: z.string(), Soft: z.number(), Hard: z.number() }))),
  ShmSize: count,
  OomScoreAdj: count,
  Devices: optional(z.array(z.object({ PathOnHost: z.string(), PathInContainer: word, CgroupPermissions: word }))),
  DeviceCgroupRules: texts,
}

export function toProcessLimits(host: z.output<z.ZodObject<typeof processFields>>): Partial<ContainerSpecInput> {
  checkLimits({ ShmSize: host.ShmSize, OomScoreAdj: host.OomScoreAdj })
  return {
    // The schema of the spec knows which names there are.
    ulimits: host.Ulimits?.map(({ Name, Soft, Hard }) => ({ name: Name as Ulimit['name'], soft: Soft, hard: Hard })),
    shmSizeBytes: host.ShmSize,
    oomScoreAdj: host.OomScoreAdj,
    devices: host.Devices?.map(({ PathOnHost, PathInContainer, CgroupPermissions }) => ({
      hostPath: PathOnHost,
      containerPath: PathInContainer,
      permissions: CgroupPermissions,
    })),
    deviceRules: host.DeviceCgroupRules,
  }
}
