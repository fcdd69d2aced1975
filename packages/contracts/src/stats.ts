import { z } from 'zod'

const n = z.number()
/** "some" and "full" stall time in microseconds since the cgroup was made (PSI, v2 only). */
const pressure = z.object({ someUs: n, fullUs: n, someAvg10: n, fullAvg10: n })
/** Counters of one cgroup; rates are the reader's business. Times in nanoseconds, sizes in bytes. */
export const statsSchema = z.object({
  id: z.string(),
  name: z.string(),
  projectId: z.string(),
  timeNano: z.string(),
  cpu: z.object({
    usageNs: n,
    userNs: n,
    systemNs: n,
    perCpuNs: z.array(n),
    periods: n,
    throttledPeriods: n,
    throttledNs: n,
    /** Ticks of the whole machine, idle included, in ns: docker's system_cpu_usage. */
    hostNs: n,
    onlineCpus: n,
  }),
  memory: z.object({
    usageBytes: n,
    maxUsageBytes: n,
    /** 0: no limit */
    limitBytes: n,
    swapBytes: n,
    cacheBytes: n,
    rssBytes: n,
    inactiveFileBytes: n,
    failCount: n,
    oomKills: n,
    stat: z.record(z.string(), n),
  }),
  pids: z.object({ current: n, limit: n }),
  io: z.object({
    readBytes: n,
    writeBytes: n,
    readOps: n,
    writeOps: n,
    devices: z.array(z.object({ major: n, minor: n, readBytes: n, writeBytes: n, readOps: n, writeOps: n })),
  }),
  network: z.record(
    z.string(),
    z.object({ rxBytes: n, rxPackets: n, rxErrors: n, rxDropped: n, txBytes: n, txPackets: n, txErrors: n, txDropped: n }),
  ),
  pressure: z.object({ cpu: pressure.optional(), memory: pressure.optional(), io: pressure.optional() }).optional(),
})
export type Stats = z.infer<typeof statsSchema>

export const hostInfoSchema = z.object({
  hostname: z.string(),
  kernel: z.string(),
  os: z.string(),
  architecture: z.string(),
  cpus: n,
  memoryBytes: n,
  memoryUsedBytes: n,
  swapBytes: n,
  loadAverage: z.array(n),
  uptimeSeconds: n,
  /** Busy time of all cpus and time of all cpus, ns. */
  cpuBusyNs: n,
  cpuTotalNs: n,
  dataBytes: n,
  dataUsedBytes: n,
  cgroupVersion: z.enum(['v1', 'v2', 'hybrid']),
  storageDriver: z.string(),
  /** Containers are confined by AppArmor. */
  appArmor: z.boolean().optional(),
  agentVersion: z.string(),
  instanceId: z.string(),
  containers: n,
  containersRunning: n,
  images: n,
})
export type HostInfo = z.infer<typeof hostInfoSchema>

/** One finding of `gantry doctor`. */
export const doctorCheckSchema = z.object({
  group: z.enum(['kernel', 'namespaces', 'cgroup', 'filesystem', 'network', 'security', 'tools']),
  name: z.string(),
  status: z.enum(['ok', 'fallback', 'missing']),
  /** What was found. */
  found: z.string(),
  /** For fallback and missing: what the engine does instead, or what does not work. */
  consequence: z.string(),
})
export type DoctorCheck = z.infer<typeof doctorCheckSchema>
