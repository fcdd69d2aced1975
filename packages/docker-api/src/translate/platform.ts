import { GantryError, type ImageInspect } from '@gantry/contracts'
import { z } from 'zod'
import { DockerError } from '../errors.ts'

const schema = z.object({ os: z.string().default(''), architecture: z.string().default(''), variant: z.string().default('') })
export type Platform = z.output<typeof schema>

/** `linux/arm64/v8`, or the same as JSON, as clients send it since 1.48. */
export function parsePlatform(text: string): Platform {
  try {
    if (text.startsWith('{')) return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new GantryError('invalid_input', `failed to parse platform: ${text}`, { field: 'platform', value: text }, { cause })
  }
  const [os = '', architecture = '', variant = '', ...more] = text.split('/')
  if (!/^[\w/.-]+$/.test(text) || more.length > 0)
    throw new GantryError('invalid_input', `failed to parse platform: ${text}`, { field: 'platform', value: text })
  return { os, architecture, variant }
}

export const platformText = ({ os, architecture, variant }: Platform): string => [os, architecture, variant].filter(Boolean).join('/')

/** What was not said fits everything. */
export function isPlatform(wanted: Platform, has: Partial<Platform>): boolean {
  const fits = (asked: string, given = '') => asked === '' || given === '' || asked === given
  return fits(wanted.os, has.os) && fits(wanted.architecture, has.architecture) && fits(wanted.variant, has.variant)
}

/** An image is kept for one platform. */
export function requirePlatform(name: string, text: string | undefined, { os, architecture, variant = '' }: ImageInspect): void {
  if (text === undefined) return
  const wanted = parsePlatform(text)
  if (isPlatform(wanted, { os, architecture, variant })) return
  const has = platformText({ os, architecture, variant })
  throw new DockerError(
    404,
    `image with reference ${name} was found but its platform (${has}) does not match the specified platform (${platformText(wanted)})`,
  )
}
