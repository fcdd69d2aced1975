import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { ProcessExit } from '../kernel/kernel.ts'

const exitFileSchema = z.object({
  exitCode: z.number().int(),
  signal: z.number().int(),
  oomKilled: z.boolean(),
  finishedAt: z.string(),
})

/** The exit that a monitor recorded of the run that began at `startedAt`; undefined when there is none, or only an earlier run's. */
export function readExitFile(path: string, key: string, startedAt: string): ProcessExit | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const parsed = exitFileSchema.safeParse(value)
  if (!parsed.success || Date.parse(parsed.data.finishedAt) < Date.parse(startedAt)) return undefined
  return { key, ...parsed.data }
}
