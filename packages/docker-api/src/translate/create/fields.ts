import { GantryError } from '@gantry/contracts'
import { z } from 'zod'

/** Docker's clients send every field they know: null, 0, '' and empty lists mean that nothing was said. */
export const optional = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined)
export const texts = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? [])
export const textMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {})
export const yes = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)
/** A whole number of which 0 says nothing. */
export const count = z
  .number()
  .int()
  .nullish()
  .transform((value) => value || undefined)
export const word = z
  .string()
  .nullish()
  .transform((value) => value || undefined)

/** Nothing was said by it. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && Object.values(value).every(isEmpty)
}

/** For objects that reach the host: a field that is not known here and says something is refused, not ignored. */
export function refuseUnknown(of: string, given: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(given)) {
    if (known.includes(name) || isEmpty(value)) continue
    throw new GantryError('unsupported', `${of}.${name} is not supported`, { field: `${of}.${name}`, remedy: 'leave it out' })
  }
}

/** A value that the engine has under another name, or not at all. */
export function refuseValue(field: string, value: string, allowed: string): GantryError {
  return new GantryError('invalid_input', `${field} ${value} is not supported, only ${allowed}`, { field, value, limit: allowed })
}
