import { z } from 'zod'
import { absolutePathSchema } from './mount.ts'
import { containerIdSchema } from './names.ts'

export const execSpecSchema = z.strictObject({
  command: z.array(z.string().max(131_072)).min(1).max(4096),
  env: z.array(z.string().max(131_072)).max(4096).default([]),
  workingDir: absolutePathSchema.optional(),
  user: z.string().max(256).optional(),
  tty: z.boolean().default(false),
  openStdin: z.boolean().default(false),
  /** Whether whoever starts it looks at its output. */
  openStdout: z.boolean().default(true),
  openStderr: z.boolean().default(true),
  privileged: z.boolean().default(false),
  detachKeys: z.string().max(64).optional(),
  /** A terminal session outlives its viewers and can be reattached; a plain exec ends with its stream. */
  persistent: z.boolean().default(false),
  columns: z.number().int().min(1).max(1000).optional(),
  rows: z.number().int().min(1).max(1000).optional(),
})
export type ExecSpec = z.output<typeof execSpecSchema>
export type ExecSpecInput = z.input<typeof execSpecSchema>

export const execInspectSchema = z.object({
  id: z.string(),
  containerId: containerIdSchema,
  spec: execSpecSchema,
  running: z.boolean(),
  pid: z.number().int(),
  exitCode: z.number().int().nullable(),
  startedAt: z.string(),
  finishedAt: z.string(),
})
export type ExecInspect = z.infer<typeof execInspectSchema>
