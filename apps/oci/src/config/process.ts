import * as z from 'zod/mini'

const id = z.int().check(z.nonnegative(), z.maximum(4_294_967_294))
const strings = z.nullish(z.array(z.string()))

const schedulerSchema = z.object({
  policy: z.enum(['SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR', 'SCHED_BATCH', 'SCHED_ISO', 'SCHED_IDLE', 'SCHED_DEADLINE']),
  nice: z.nullish(z.number()),
  priority: z.nullish(z.number()),
  flags: z.nullish(
    z.array(
      z.enum([
        'SCHED_FLAG_RESET_ON_FORK',
        'SCHED_FLAG_RECLAIM',
        'SCHED_FLAG_DL_OVERRUN',
        'SCHED_FLAG_KEEP_POLICY',
        'SCHED_FLAG_KEEP_PARAMS',
        'SCHED_FLAG_UTIL_CLAMP_MIN',
        'SCHED_FLAG_UTIL_CLAMP_MAX',
      ]),
    ),
  ),
  runtime: z.nullish(z.number()),
  deadline: z.nullish(z.number()),
  period: z.nullish(z.number()),
})
export type Scheduler = z.infer<typeof schedulerSchema>

export const processSchema = z.object({
  terminal: z.nullish(z.boolean()),
  consoleSize: z.nullish(z.object({ height: z.number(), width: z.number() })),
  user: z.nullish(z.object({ uid: id, gid: id, umask: z.nullish(z.int()), additionalGids: z.nullish(z.array(id)) })),
  args: z.nullish(z.array(z.string())),
  env: strings,
  cwd: z.string().check(z.startsWith('/', 'must be absolute')),
  capabilities: z.nullish(z.object({ bounding: strings, effective: strings, inheritable: strings, permitted: strings, ambient: strings })),
  rlimits: z.nullish(z.array(z.object({ type: z.string().check(z.startsWith('RLIMIT_')), hard: z.number(), soft: z.number() }))),
  noNewPrivileges: z.nullish(z.boolean()),
  apparmorProfile: z.nullish(z.string()),
  oomScoreAdj: z.nullish(z.int().check(z.minimum(-1000), z.maximum(1000))),
  scheduler: z.nullish(schedulerSchema),
  selinuxLabel: z.nullish(z.string()),
  ioPriority: z.nullish(
    z.object({
      class: z.enum(['IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE']),
      priority: z.int().check(z.minimum(0), z.maximum(7)),
    }),
  ),
  execCPUAffinity: z.nullish(z.object({ initial: z.nullish(z.string()), final: z.nullish(z.string()) })),
})
export type Process = z.infer<typeof processSchema>
