import { z } from 'zod'
import { containerIdSchema, projectIdSchema } from './names.ts'
import { containerSummarySchema } from './container.ts'
import { resourcesSchema } from './resources.ts'

/** Roles inside a project, weakest first. A host administrator is above all of them. */
export const roles = ['viewer', 'developer', 'admin'] as const
export type Role = (typeof roles)[number]

export const emailSchema = z
  .email()
  .max(254)
  .transform((s) => s.toLowerCase())
export const passwordSchema = z.string().min(12, 'must have at least 12 characters').max(256)
export const displayNameSchema = z.string().trim().min(1).max(80)

/** Limits of a project. The first four are the kernel's, the rest are admitted by count or sum in one transaction. Absent: no limit. */
export const projectLimitsSchema = z.strictObject({
  nanoCpus: z.number().int().min(10_000_000).optional(),
  memoryBytes: z
    .number()
    .int()
    .min(16 * 1024 * 1024)
    .optional(),
  memorySwapBytes: z.number().int().min(-1).optional(),
  pids: z.number().int().min(1).optional(),
  containers: z.number().int().nonnegative().optional(),
  volumes: z.number().int().nonnegative().optional(),
  images: z.number().int().nonnegative().optional(),
  diskBytes: z.number().int().nonnegative().optional(),
})
export type ProjectLimits = z.infer<typeof projectLimitsSchema>

export const userSchema = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  hostAdmin: z.boolean(),
  disabled: z.boolean(),
  createdAt: z.string(),
  lastSignInAt: z.string().nullable(),
})
export type User = z.infer<typeof userSchema>

export const projectSchema = z.object({
  id: projectIdSchema,
  name: z.string(),
  limits: projectLimitsSchema,
  createdAt: z.string(),
  /** The asking user's role; host administrators have `admin` everywhere. */
  role: z.enum(roles),
})
export type Project = z.infer<typeof projectSchema>
export const memberSchema = z.object({ userId: z.string(), email: z.string(), name: z.string(), role: z.enum(roles) })
export type Member = z.infer<typeof memberSchema>

/** A project's token as lists show it; the token itself is shown once, when it is made. */
export const projectTokenSchema = z.object({
  id: z.string(),
  projectId: projectIdSchema,
  name: z.string(),
  role: z.enum(roles),
  /** E-mail address of who made it; null: root on the machine. */
  createdBy: z.string().nullable(),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  lastUsedAt: z.string().nullable(),
})
export type ProjectToken = z.infer<typeof projectTokenSchema>

/** A container as the panel lists it: the engine's facts and the owner's. */
export const panelContainerSchema = containerSummarySchema.extend({ createdBy: z.string().nullable() })
export type PanelContainer = z.infer<typeof panelContainerSchema>

export const auditEntrySchema = z.object({
  seq: z.number().int(),
  time: z.string(),
  actorId: z.string().nullable(),
  actor: z.string(),
  address: z.string(),
  projectId: z.string().nullable(),
  /** The use case: `container.create`. */
  verb: z.string(),
  /** What it was done to: `container web (3f2a…)`. */
  object: z.string(),
  /** Redacted parameters as canonical JSON. */
  parameters: z.string(),
  outcome: z.enum(['success', 'denied', 'failed']),
  /** Error code and message when it did not succeed. */
  error: z.string().nullable(),
  prevHash: z.string(),
  hash: z.string(),
})
export type AuditEntry = z.infer<typeof auditEntrySchema>

export const terminalTicketRequestSchema = z.strictObject({
  projectId: projectIdSchema,
  container: containerIdSchema,
  /** Absent: a new session with this command; present: reattach. */
  sessionId: z.string().optional(),
  command: z.array(z.string()).min(1).max(64).optional(),
  user: z.string().max(256).optional(),
  columns: z.number().int().min(1).max(1000),
  rows: z.number().int().min(1).max(1000),
  from: z.number().int().nonnegative().default(0),
})

/** The part of a container's limits that the panel's form edits live. */
export const liveLimitsSchema = resourcesSchema.pick({
  nanoCpus: true,
  cpuShares: true,
  memoryBytes: true,
  memorySwapBytes: true,
  pidsLimit: true,
  cpusetCpus: true,
  blkioWeight: true,
})
