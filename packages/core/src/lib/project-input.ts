import { containerRefSchema, projectIdSchema } from '@gantry/contracts'
import { z } from 'zod'

/** Fields that most inputs share. Browsers resuming a subscription send the id of the last thing they saw. */
export const projectFields = { projectId: projectIdSchema }
export const containerFields = { ...projectFields, container: containerRefSchema }
export const someProjectFields = { projectId: projectIdSchema.optional() }
export const resumeFields = { lastEventId: z.string().max(200).nullish() }
