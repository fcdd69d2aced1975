import { z } from 'zod'

/** A query as Docker reads it: the first of several equal keys counts, unless the parameter is a `list`. */
export type RawQuery = Record<string, string | string[]>

export function readQuery(search: string): RawQuery {
  const query: RawQuery = {}
  for (const [key, value] of new URLSearchParams(search)) {
    const before = query[key]
    if (before === undefined) query[key] = value
    else if (Array.isArray(before)) before.push(value)
    else query[key] = [before, value]
  }
  return query
}

const first = (value: unknown) => (Array.isArray(value) ? value[0] : value)
const noes = new Set(['', '0', 'no', 'false', 'none'])

/** A parameter that is text; absent and empty are the same to Docker. */
export const text = z.preprocess((value) => first(value) || undefined, z.string().max(65_536).optional())

/** httputils.BoolValue: everything is true but these words. */
export const flag = z.preprocess(
  (value) =>
    !noes.has(
      String(first(value) ?? '')
        .trim()
        .toLowerCase(),
    ),
  z.boolean(),
)
/** The same with `true` where nothing was said. */
export const flagOn = z.preprocess((value) => value === undefined || !noes.has(String(first(value)).trim().toLowerCase()), z.boolean())

/** A whole number. */
export const whole = (least: number, most: number) =>
  z.preprocess((value) => {
    const given = first(value)
    return given === undefined || given === '' ? undefined : Number(given)
  }, z.number({ error: 'must be a number' }).int().min(least).max(most).optional())

/**
 * A parameter that may come several times.
 * @public
 */
export const list = z.preprocess(
  (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]),
  z.array(z.string()).max(1024),
)
