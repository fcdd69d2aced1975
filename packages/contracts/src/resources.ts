import { z } from 'zod'

const MiB = 1024 * 1024
const bytes = z.number().int().nonnegative()
const device = z.string().regex(/^\/dev\/[^\0]+$|^\d+:\d+$/, 'must be a device path or major:minor')

export const blkioWeightDeviceSchema = z.object({ device, weight: z.number().int().min(10).max(1000) })
export const blkioThrottleSchema = z.object({ device, rate: z.number().int().positive() })

/**
 * Limits that the kernel enforces on one container or one project. Absent = not limited here.
 * Names carry their units; the meaning is docker's (see `docker run --help`).
 */
export const resourcesSchema = z.strictObject({
  /** Relative cpu share, 2..262144 (v1 cpu.shares; v2 cpu.weight by runc's formula). */
  cpuShares: z.number().int().min(2).max(262144).optional(),
  /** CPUs as a decimal, in billionths: 500_000_000 is half a cpu. Excludes quota/period. */
  nanoCpus: z.number().int().min(10_000_000, 'must be at least 0.01 cpu').optional(),
  cpuQuotaUs: z.number().int().min(1000).optional(),
  cpuPeriodUs: z.number().int().min(1000).max(1_000_000).optional(),
  cpuBurstUs: z.number().int().nonnegative().optional(),
  cpuRtRuntimeUs: z.number().int().nonnegative().optional(),
  cpuRtPeriodUs: z.number().int().positive().optional(),
  /** List syntax of cpuset(7): "0-2,4". */
  cpusetCpus: z
    .string()
    .regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/, 'must be a cpu list such as 0-2,4')
    .optional(),
  cpusetMems: z
    .string()
    .regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/, 'must be a node list such as 0,1')
    .optional(),
  memoryBytes: bytes.min(6 * MiB, 'must be at least 6 MiB').optional(),
  /** Memory plus swap; -1 is unlimited swap. Absent with a memory limit: twice the memory limit (docker) on containers. */
  memorySwapBytes: z.number().int().min(-1).optional(),
  memoryReservationBytes: bytes.optional(),
  memorySwappiness: z.number().int().min(0).max(100).optional(),
  oomKillDisable: z.boolean().optional(),
  /** -1 is unlimited; absent on a container: docker's daemons ship none, we the default of defaults.ts. */
  pidsLimit: z.union([z.literal(-1), z.number().int().min(1)]).optional(),
  blkioWeight: z.number().int().min(10).max(1000).optional(),
  blkioWeightDevices: z.array(blkioWeightDeviceSchema).max(64).optional(),
  blkioReadBps: z.array(blkioThrottleSchema).max(64).optional(),
  blkioWriteBps: z.array(blkioThrottleSchema).max(64).optional(),
  blkioReadIops: z.array(blkioThrottleSchema).max(64).optional(),
  blkioWriteIops: z.array(blkioThrottleSchema).max(64).optional(),
  /** size ("2MB") to bytes */
  hugetlb: z.record(z.string().regex(/^\d+[KMG]B$/), bytes).optional(),
})
export type Resources = z.infer<typeof resourcesSchema>

type Removable<S extends z.ZodRawShape> = { [K in keyof S]: z.ZodNullable<S[K]> }

/** Each limit as an update names it: absent stays, null is removed. */
function removable<S extends z.ZodRawShape>(shape: S): Removable<S> {
  return Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, z.nullable(schema)])) as Removable<S>
}
export const resourcesUpdateSchema = z.strictObject(removable(resourcesSchema.shape))
export type ResourcesUpdate = z.infer<typeof resourcesUpdateSchema>

export const ulimitSchema = z.object({
  name: z.enum([
    'as',
    'core',
    'cpu',
    'data',
    'fsize',
    'locks',
    'memlock',
    'msgqueue',
    'nice',
    'nofile',
    'nproc',
    'rss',
    'rtprio',
    'rttime',
    'sigpending',
    'stack',
  ]),
  /** -1 is unlimited */
  soft: z.number().int().min(-1),
  hard: z.number().int().min(-1),
})
export type Ulimit = z.infer<typeof ulimitSchema>

/** `c 189:* rwm` */
export const deviceRuleSchema = z.string().regex(/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/, 'must look like "c 189:* rwm"')
