import { z } from 'zod'
import { wireErrorSchema } from './errors.ts'
import { progressSchema } from './image.ts'
import { containerIdSchema, projectIdSchema } from './names.ts'
import { auditEntrySchema, projectLimitsSchema, userSchema } from './panel.ts'
import { hostInfoSchema, statsSchema } from './stats.ts'

/** What the browser is told about itself. */
export const authStatusSchema = z.object({
  /** No user exists yet: the set-up page with the one-time code comes first. */
  needsSetup: z.boolean(),
  user: userSchema.nullable(),
})
export type AuthStatus = z.infer<typeof authStatusSchema>

export const signInSessionSchema = z.object({
  id: z.string(),
  address: z.string(),
  userAgent: z.string(),
  createdAt: z.string(),
  lastSeenAt: z.string(),
  expiresAt: z.string(),
  /** The session that asks. */
  current: z.boolean(),
})
export type SignInSession = z.infer<typeof signInSessionSchema>

/** How much of each limit a project uses. `cpu`, `memory` and `pids` are the project's cgroup now; null while the agent does not answer. */
export const projectUsageViewSchema = z.object({
  projectId: projectIdSchema,
  name: z.string(),
  limits: projectLimitsSchema,
  used: z.object({
    containers: z.number().int(),
    running: z.number().int(),
    volumes: z.number().int(),
    images: z.number().int(),
    /** Null while the agent does not answer. */
    diskBytes: z.number().int().nullable(),
  }),
  stats: statsSchema.nullable(),
})
export type ProjectUsageView = z.infer<typeof projectUsageViewSchema>

export const dashboardOverviewSchema = z.object({
  /** Null while the agent does not answer. Counts are the host's for host administrators, else of the user's projects. */
  host: hostInfoSchema.nullable(),
  projects: z.array(projectUsageViewSchema),
  /** Containers the user can see, by status. */
  containers: z.record(z.string(), z.number().int()),
})
export type DashboardOverview = z.infer<typeof dashboardOverviewSchema>

/** One sample for the dashboard's live charts. Counters; rates are the reader's business. */
export const hostSampleSchema = z.object({ time: z.string(), host: hostInfoSchema, projects: z.array(statsSchema) })
export type HostSample = z.infer<typeof hostSampleSchema>

/** The counters that list columns draw, one row per running container. */
export const statsRowSchema = z.object({
  id: containerIdSchema,
  projectId: projectIdSchema,
  timeNano: z.string(),
  cpuUsageNs: z.number(),
  hostNs: z.number(),
  onlineCpus: z.number(),
  memoryUsageBytes: z.number(),
  /** 0: no limit */
  memoryLimitBytes: z.number(),
  pids: z.number(),
  readBytes: z.number(),
  writeBytes: z.number(),
  rxBytes: z.number(),
  txBytes: z.number(),
})
export type StatsRow = z.infer<typeof statsRowSchema>

export const bulkVerbs = ['start', 'stop', 'kill', 'restart', 'pause', 'unpause', 'remove'] as const
export type BulkVerb = (typeof bulkVerbs)[number]
export const bulkResultSchema = z.object({
  projectId: projectIdSchema,
  container: z.string(),
  ok: z.boolean(),
  error: wireErrorSchema.nullable(),
})
export type BulkResult = z.infer<typeof bulkResultSchema>

/** A terminal that can be reattached. */
export const terminalSessionSchema = z.object({
  sessionId: z.string(),
  projectId: projectIdSchema,
  container: containerIdSchema,
  command: z.string(),
  createdAt: z.string(),
  running: z.boolean(),
  exitCode: z.number().int().nullable(),
})
export type TerminalSession = z.infer<typeof terminalSessionSchema>

/** A pull or push under way or just ended. `progress` holds the last line of every layer and of the whole. */
export const imageTransferSchema = z.object({
  operationId: z.string(),
  projectId: projectIdSchema,
  kind: z.enum(['pull', 'push']),
  reference: z.string(),
  startedAt: z.string(),
  state: z.enum(['running', 'done', 'failed']),
  progress: z.array(progressSchema),
  error: wireErrorSchema.nullable(),
})
export type ImageTransfer = z.infer<typeof imageTransferSchema>

/** All given filters must match. Times are RFC 3339; `text` is looked for in verb, object, parameters, actor and error. */
export const auditFilterSchema = z.strictObject({
  actorId: z.string().max(64).optional(),
  projectId: projectIdSchema.optional(),
  verb: z.string().max(64).optional(),
  outcome: z.enum(['success', 'denied', 'failed']).optional(),
  text: z.string().max(200).optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
})
export type AuditFilter = z.infer<typeof auditFilterSchema>
export const auditQuerySchema = auditFilterSchema.extend({
  /** `nextCursor` of the page before. */
  cursor: z.number().int().optional(),
  limit: z.number().int().min(1).max(200).default(50),
})
/** Newest first. */
export const auditPageSchema = z.object({ entries: z.array(auditEntrySchema), nextCursor: z.number().int().nullable() })
export type AuditPage = z.infer<typeof auditPageSchema>
/** What the filters offer. */
export const auditFacetsSchema = z.object({
  actors: z.array(z.object({ id: z.string(), name: z.string() })),
  verbs: z.array(z.string()),
  projects: z.array(projectIdSchema),
})
export type AuditFacets = z.infer<typeof auditFacetsSchema>
export const auditVerificationSchema = z.object({
  ok: z.boolean(),
  entries: z.number().int(),
  headHash: z.string(),
  /** First findings, at most 20, in order of `seq`. */
  problems: z.array(z.object({ seq: z.number().int(), problem: z.string() })),
})
export type AuditVerification = z.infer<typeof auditVerificationSchema>
