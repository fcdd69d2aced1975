import { z } from 'zod'

/** A path inside a container; relative ones begin at its root. A trailing `/` or `/.` means what a link leads to, or a folder's content. */
export const containerPathSchema = z
  .string()
  .min(1)
  .max(4095)
  .regex(/^[^\0]*$/, 'must not hold a NUL character')

export const pathStatSchema = z.object({
  name: z.string(),
  size: z.number(),
  /** st_mode, type bits included. */
  mode: z.number().int(),
  /** RFC 3339 */
  mtime: z.string(),
  /** Of a symbolic link: where it leads in the end, inside the container; '' for everything else. */
  linkTarget: z.string(),
})
export type PathStat = z.infer<typeof pathStatSchema>
