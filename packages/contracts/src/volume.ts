import { z } from 'zod'
import { projectIdSchema, volumeNameSchema } from './names.ts'

export const volumeSpecSchema = z.strictObject({
  name: volumeNameSchema.optional(),
  driver: z.literal('local').default('local'),
  labels: z.record(z.string().min(1).max(256), z.string().max(4096)).default({}),
})
export type VolumeSpec = z.output<typeof volumeSpecSchema>

export const volumeInspectSchema = z.object({
  name: z.string(),
  projectId: projectIdSchema,
  driver: z.string(),
  mountpoint: z.string(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.string(),
  anonymous: z.boolean(),
  /** Names of containers that mount it. */
  usedBy: z.array(z.string()),
  /** Absent unless sizes were asked for. */
  sizeBytes: z.number().int().optional(),
})
export type VolumeInspect = z.infer<typeof volumeInspectSchema>
