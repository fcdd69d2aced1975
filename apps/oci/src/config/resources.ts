import * as z from 'zod/mini'

const number = z.nullish(z.number())
const rates = z.nullish(z.array(z.object({ major: z.number(), minor: z.number(), rate: z.number() })))

const blockIoSchema = z.object({
  weight: number,
  leafWeight: number,
  weightDevice: z.nullish(z.array(z.object({ major: z.number(), minor: z.number(), weight: number, leafWeight: number }))),
  throttleReadBpsDevice: rates,
  throttleWriteBpsDevice: rates,
  throttleReadIOPSDevice: rates,
  throttleWriteIOPSDevice: rates,
})

export const resourcesSchema = z.object({
  devices: z.nullish(
    z.array(
      z.object({
        allow: z.boolean(),
        type: z.nullish(z.enum(['a', 'b', 'c'])),
        major: number,
        minor: number,
        access: z.nullish(z.string().check(z.regex(/^[rwm]*$/))),
      }),
    ),
  ),
  memory: z.nullish(
    z.object({
      limit: number,
      reservation: number,
      swap: number,
      kernel: number,
      kernelTCP: number,
      swappiness: number,
      disableOOMKiller: z.nullish(z.boolean()),
      useHierarchy: z.nullish(z.boolean()),
      checkBeforeUpdate: z.nullish(z.boolean()),
    }),
  ),
  cpu: z.nullish(
    z.object({
      shares: number,
      quota: number,
      burst: number,
      period: number,
      realtimeRuntime: number,
      realtimePeriod: number,
      cpus: z.nullish(z.string()),
      mems: z.nullish(z.string()),
      idle: number,
    }),
  ),
  pids: z.nullish(z.object({ limit: z.number() })),
  blockIO: z.nullish(blockIoSchema),
  hugepageLimits: z.nullish(z.array(z.object({ pageSize: z.string(), limit: z.number() }))),
  network: z.nullish(z.object({ classID: number, priorities: z.nullish(z.array(z.object({ name: z.string(), priority: z.number() }))) })),
  rdma: z.nullish(z.record(z.string(), z.object({ hcaHandles: number, hcaObjects: number }))),
  unified: z.nullish(z.record(z.string(), z.string())),
})
export type Resources = z.infer<typeof resourcesSchema>
