import { GantryError } from '@gantry/contracts'
import { z } from 'zod'

const encoding = z.record(
  z.string().max(256),
  z.union([z.array(z.string().max(4096)).max(1024), z.record(z.string().max(4096), z.boolean())]),
)

/**
 * Docker's `filters` parameter in both encodings: `{"label":["a=b"]}` and `{"label":{"a=b":true}}`. Values of one key are
 * alternatives, except those of `label`; keys must all match.
 */
export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values
  }

  /** Reads the parameter; a key that is not `allowed` is refused in Docker's words. */
  static parse(text: string | undefined, allowed: readonly string[]): Filters {
    if (text === undefined || text === '') return new Filters(new Map())
    const parsed = encoding.safeParse(parseJson(text))
    if (!parsed.success) throw new GantryError('invalid_input', 'invalid filter', { field: 'filters' })
    const values = new Map<string, readonly string[]>()
    for (const [key, given] of Object.entries(parsed.data)) {
      if (!allowed.includes(key)) throw new GantryError('invalid_input', `invalid filter '${key}'`, { field: 'filters', value: key })
      const list = Array.isArray(given) ? given : Object.keys(given).filter((value) => given[value])
      if (list.length > 0) values.set(key, list)
    }
    return new Filters(values)
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  get(key: string): readonly string[] {
    return this.#values.get(key) ?? []
  }

  /** True when nothing was asked for under `key`, or `test` holds for one of the values. */
  any(key: string, test: (value: string) => boolean): boolean {
    const values = this.#values.get(key)
    return values === undefined || values.some(test)
  }

  /** A yes-or-no filter; throws Docker's words for anything else. */
  flag(key: string): boolean | undefined {
    const [value] = this.get(key)
    if (value === undefined) return undefined
    if (['1', 'true'].includes(value.toLowerCase())) return true
    if (['0', 'false'].includes(value.toLowerCase())) return false
    throw new GantryError('invalid_input', `invalid filter '${key}=[${this.get(key).join(' ')}]'`, { field: 'filters', value })
  }

  /** `label` (all of them) and `label!` (none of them), each `key` or `key=value`. */
  matchesLabels(labels: Readonly<Record<string, string>>): boolean {
    const carries = (wanted: string) => {
      const at = wanted.indexOf('=')
      return at === -1 ? Object.hasOwn(labels, wanted) : labels[wanted.slice(0, at)] === wanted.slice(at + 1)
    }
    return this.get('label').every(carries) && !this.get('label!').some(carries)
  }
}

/** The query parameter `filters` with these keys. */
export const filters = (...allowed: string[]) =>
  z
    .preprocess(
      (value) => (Array.isArray(value) ? value[0] : value),
      z
        .string()
        .max(1024 * 1024)
        .optional(),
    )
    .transform((text) => Filters.parse(text, allowed))

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new GantryError('invalid_input', 'invalid filter: not JSON', { field: 'filters' })
  }
}
