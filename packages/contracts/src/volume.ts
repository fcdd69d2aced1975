import { z } from 'zod'
import { volumeDriverSchema, volumeLabelsSchema, volumeOptionsSchema } from './mount.ts'
import { projectIdSchema, volumeNameSchema } from './names.ts'

export const volumeSpecSchema = z.strictObject({
  name: volumeNameSchema.optional(),
  driver: volumeDriverSchema.default('local'),
  /** Of `local`: `type`, `device` and `o`, as mount(8) takes them; of a plugin: its own. */
  options: volumeOptionsSchema.default({}),
  labels: volumeLabelsSchema.default({}),
})
export type VolumeSpec = z.output<typeof volumeSpecSchema>

export const volumeInspectSchema = z.object({
  name: z.string(),
  projectId: projectIdSchema,
  driver: z.string(),
  mountpoint: z.string(),
  options: z.record(z.string(), z.string()),
  /** What a plugin tells of it. */
  status: z.record(z.string(), z.unknown()).optional(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.string(),
  anonymous: z.boolean(),
  /** Names of containers that mount it. */
  usedBy: z.array(z.string()),
  /** Absent unless sizes were asked for. */
  sizeBytes: z.number().int().optional(),
})
export type VolumeInspect = z.infer<typeof volumeInspectSchema>
