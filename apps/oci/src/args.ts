import { GantryError } from '@gantry/contracts/gantry-error'

/** `flag` takes no value, `value` one, `list` may be given again. */
export interface OptionSpec {
  readonly [name: string]: { readonly kind: 'flag' | 'value' | 'list'; readonly short?: string }
}
export interface Parsed {
  readonly positional: readonly string[]
  has(name: string): boolean
  value(name: string): string | undefined
  list(name: string): readonly string[]
}

/**
 * Options as Go programs take them, whose callers these are: `--name value`, `--name=value`, `-n value`, one dash or two. They end at the
 * first other word; with `anywhere` they may also follow it.
 */
export function parseArgs(words: readonly string[], spec: OptionSpec, anywhere = false): Parsed {
  const found = new Map<string, string[]>()
  const positional: string[] = []
  let at = 0
  for (; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word === '--') {
      positional.push(...words.slice(at + 1))
      break
    }
    if (!word.startsWith('-') || word === '-' || (positional.length > 0 && !anywhere)) {
      positional.push(word)
      continue
    }
    const [name, inline] = split(word, spec)
    const kind = spec[name]?.kind
    if (kind === 'flag') {
      found.set(name, inline === undefined ? ['true'] : [inline])
      continue
    }
    const value = inline ?? words[++at]
    if (value === undefined) throw new GantryError('invalid_input', `option --${name} needs a value`)
    found.set(name, kind === 'list' ? [...(found.get(name) ?? []), value] : [value])
  }
  return {
    positional,
    has: (name) => found.get(name)?.[0] === 'true',
    value: (name) => found.get(name)?.at(-1),
    list: (name) => found.get(name) ?? [],
  }
}

function split(word: string, spec: OptionSpec): [name: string, value: string | undefined] {
  const bare = word.replace(/^--?/, '')
  const equals = bare.indexOf('=')
  const given = equals < 0 ? bare : bare.slice(0, equals)
  const name = spec[given] ? given : Object.keys(spec).find((key) => spec[key]?.short === given)
  if (name === undefined) throw new GantryError('invalid_input', `unknown option ${word}`)
  return [name, equals < 0 ? undefined : bare.slice(equals + 1)]
}

/** Exactly these words after the options. */
export function expectWords(parsed: Parsed, usage: string, least: number, most = least): void {
  const count = parsed.positional.length
  if (count < least || count > most) throw new GantryError('invalid_input', `usage: gantry-oci ${usage}`)
}

export function wholeNumber(text: string | undefined, what: string): number | undefined {
  if (text === undefined || text === '') return undefined
  if (!/^-?\d+$/.test(text)) throw new GantryError('invalid_input', `${what} ${text} is not a whole number`)
  return Number(text)
}
