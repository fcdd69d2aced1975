import { GantryError } from '@gantry/contracts'

export type Variables = ReadonlyMap<string, string>

/**
 * Replaces variables and takes quotes away, by the rules of docker's shell lexer: nothing is replaced in single quotes, the escaping
 * character keeps the next one, and an unknown variable is empty.
 */
export function expand(text: string, variables: Variables, escaping: string): string {
  return lex(text, variables, escaping).join(' ')
}

/** The same, cut at white space outside of quotes, of variables' values too. */
export function expandWords(text: string, variables: Variables, escaping: string): string[] {
  return lex(text, variables, escaping, true)
}

interface Cursor {
  readonly text: string
  readonly variables: Variables
  readonly escaping: string
  at: number
}

function lex(text: string, variables: Variables, escaping: string, split = false): string[] {
  const cursor: Cursor = { text, variables, escaping, at: 0 }
  const words: string[] = []
  let word: string | undefined
  while (cursor.at < text.length) {
    const char = text[cursor.at] ?? ''
    if (split && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
      cursor.at++
    } else if (char === '$') {
      const value = variable(cursor)
      if (!split) word = (word ?? '') + value
      else {
        const parts = value.split(/\s+/)
        for (const [index, part] of parts.entries()) {
          if (index > 0 && word !== undefined) words.push(word)
          if (index > 0) word = undefined
          if (part !== '') word = (word ?? '') + part
        }
      }
    } else word = (word ?? '') + plainOrQuoted(cursor, char)
  }
  if (word !== undefined) words.push(word)
  return split ? words : [words.join('')]
}

function plainOrQuoted(cursor: Cursor, char: string): string {
  cursor.at++
  if (char === "'") return singleQuoted(cursor)
  if (char === '"') return doubleQuoted(cursor)
  if (char !== cursor.escaping) return char
  // At the very end it stands for itself.
  return cursor.at < cursor.text.length ? (cursor.text[cursor.at++] ?? '') : char
}

function singleQuoted(cursor: Cursor): string {
  const end = cursor.text.indexOf("'", cursor.at)
  if (end < 0) throw unterminated(cursor.text)
  const inside = cursor.text.slice(cursor.at, end)
  cursor.at = end + 1
  return inside
}

function doubleQuoted(cursor: Cursor): string {
  let inside = ''
  for (;;) {
    const char = cursor.text[cursor.at]
    if (char === undefined) throw unterminated(cursor.text)
    if (char === '"') {
      cursor.at++
      return inside
    }
    if (char === '$') {
      inside += variable(cursor)
      continue
    }
    cursor.at++
    if (char !== cursor.escaping) {
      inside += char
      continue
    }
    const next = cursor.text[cursor.at++] ?? ''
    inside += next === '"' || next === '$' || next === cursor.escaping ? next : char + next
  }
}

/** At a `$`: the variable's value. */
function variable(cursor: Cursor): string {
  cursor.at++
  if (cursor.text[cursor.at] === '{') return braced(cursor)
  const [name = ''] = /^(?:[a-zA-Z_][a-zA-Z0-9_]*|[0-9@*#])/.exec(cursor.text.slice(cursor.at)) ?? []
  if (name === '') return '$'
  cursor.at += name.length
  return cursor.variables.get(name) ?? ''
}

function braced(cursor: Cursor): string {
  const start = cursor.at
  const end = closingBrace(cursor.text, start, cursor.escaping)
  const inside = cursor.text.slice(start + 1, end)
  cursor.at = end + 1
  const match = /^([a-zA-Z_][a-zA-Z0-9_]*|[0-9@*#])(?:(:?[-+?])([\s\S]*))?$/.exec(inside)
  if (!match) throw new GantryError('invalid_input', `unsupported substitution \${${inside}}`, { value: inside })
  const [, name = '', modifier, word = ''] = match
  const value = cursor.variables.get(name)
  if (!modifier) return value ?? ''
  const present = value !== undefined && (!modifier.startsWith(':') || value !== '')
  const other = () => expand(word, cursor.variables, cursor.escaping)
  if (modifier.endsWith('+')) return present ? other() : ''
  if (present) return value
  if (modifier.endsWith('-')) return other()
  throw new GantryError('invalid_input', `${name}: ${other() || 'not allowed to be empty or unset'}`, { value: name })
}

function closingBrace(text: string, start: number, escaping: string): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if (text[at] === escaping) at++
    else if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return at
  }
  throw new GantryError('invalid_input', `missing } in ${text}`, { value: text })
}

function unterminated(text: string): GantryError {
  return new GantryError('invalid_input', `unexpected end of statement while looking for the closing quote of ${text}`, { value: text })
}

/** Cuts at white space outside of quotes and leaves quotes and variables as they are. */
export function splitWords(text: string, escaping: string): string[] {
  const words: string[] = []
  let word = ''
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === escaping && quote !== "'") {
      word += char + (text[++at] ?? '')
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== '') words.push(word)
      word = ''
    } else {
      if (quote === char) quote = ''
      else if (quote === '' && (char === '"' || char === "'")) quote = char
      word += char
    }
  }
  if (word !== '') words.push(word)
  return words
}
