import { z } from 'zod'
import { projectIdSchema } from './names.ts'

/** Something happened in the engine. `action` uses docker's words (create, start, die, oom, health_status: healthy, exec_create: …). */
export const engineEventSchema = z.object({
  /** Rises by one per event of this agent's life; with `boot` it tells a subscriber whether it missed any. */
  seq: z.number().int(),
  boot: z.string(),
  type: z.enum(['container', 'image', 'network', 'volume', 'builder', 'project', 'agent']),
  action: z.string(),
  id: z.string(),
  projectId: projectIdSchema,
  attributes: z.record(z.string(), z.string()),
  timeNano: z.string(),
})
export type EngineEvent = z.infer<typeof engineEventSchema>
