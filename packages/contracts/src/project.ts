import { z } from 'zod'
import { projectIdSchema } from './names.ts'
import { resourcesSchema } from './resources.ts'

/** What the kernel holds for a whole project: the limits of the cgroup above its containers. */
export const engineProjectSchema = z.strictObject({ id: projectIdSchema, resources: resourcesSchema.default({}) })
export type EngineProject = z.output<typeof engineProjectSchema>

export const projectUsageSchema = z.object({
  id: projectIdSchema,
  containers: z.number().int(),
  running: z.number().int(),
  volumes: z.number().int(),
  images: z.number().int(),
  /** Writable layers + volumes + images this project refers to, bytes. */
  diskBytes: z.number().int(),
})
export type ProjectUsage = z.infer<typeof projectUsageSchema>

/**
 * What the caller may ask for, decided by the panel from role and host policy and applied by the agent on the final spec
 * (root trusts nobody). The local root socket uses `hostAdminPolicy`.
 */
export const policySchema = z.strictObject({
  /** privileged, host namespaces, userns=host, unconfined profiles, devices, new privileges, negative oom score */
  hostAccess: z.boolean(),
  /** Folders whose content may be bind-mounted; ['/'] is everything, [] nothing. */
  bindSources: z.array(z.string()),
  capabilities: z.union([z.literal('all'), z.array(z.string())]),
  /** Lowest host port that may be published. */
  minHostPort: z.number().int().min(1).max(65535),
})
export type Policy = z.infer<typeof policySchema>
export const hostAdminPolicy: Policy = { hostAccess: true, bindSources: ['/'], capabilities: 'all', minHostPort: 1 }
export const developerPolicy: Policy = { hostAccess: false, bindSources: [], capabilities: [], minHostPort: 1024 }
