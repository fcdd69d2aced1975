import { z } from 'zod'
import { GantryError } from './gantry-error.ts'

/** Every way a request can fail. Each front door renders all of them, so a new code does not compile until every door knows it. */
export const errorCodes = [
  'not_found',
  'already_exists',
  'invalid_input',
  'wrong_state',
  'unauthenticated',
  'forbidden',
  'quota_exceeded',
  'rate_limited',
  'unavailable',
  'timeout',
  'cancelled',
  'unsupported',
  'no_space',
  'internal',
] as const
export type ErrorCode = (typeof errorCodes)[number]

/** What a person needs to mend the request: which field, what it was, what is allowed. All parts are safe to show. */
export const errorDetailSchema = z.object({
  /** Path of the offending field in the request, e.g. `resources.memoryBytes`. */
  field: z.string().optional(),
  /** The value that was refused, as text. */
  value: z.string().optional(),
  /** The limit it met, as text with its unit. */
  limit: z.string().optional(),
  /** How much of the limit is used already. */
  used: z.string().optional(),
  /** How much was asked for. */
  asked: z.string().optional(),
  /** What the person can do now. */
  remedy: z.string().optional(),
  /** The step of a plan that failed, e.g. `mount /proc`. */
  step: z.string().optional(),
  /** errno name, e.g. `ENOSPC`. */
  errno: z.string().optional(),
  /** For a command that could not be run: 127 not found, 126 cannot be executed. */
  exitCode: z.number().int().optional(),
})
export type ErrorDetail = z.infer<typeof errorDetailSchema>

export const wireErrorSchema = z.object({
  code: z.enum(errorCodes),
  message: z.string(),
  detail: errorDetailSchema.optional(),
})
export type WireError = z.infer<typeof wireErrorSchema>

/** Turns a zod failure into `invalid_input` naming the first offending field. */
export function invalidInput(error: z.ZodError): GantryError {
  const issue = error.issues[0]
  const field = issue?.path.map(String).join('.') ?? ''
  const message = issue ? (field ? `${field}: ${issue.message}` : issue.message) : 'invalid input'
  return new GantryError('invalid_input', message, { field })
}
