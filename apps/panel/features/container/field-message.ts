import { type FieldErrors, get } from 'react-hook-form'
import type { CreateValues } from './create-values.ts'

/** What is wrong with a field of the form, by its path. */
export function messageAt(errors: FieldErrors<CreateValues>, path: string): string | undefined {
  const found = get(errors, path) as { message?: string } | undefined
  return found?.message
}
