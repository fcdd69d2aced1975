import { GantryError } from '@gantry/contracts'

/**
 * Docker's name filters are regular expressions. Those of strangers can keep a process busy for ever, so here they are what people
 * write: text, `.`, `.*`, `^`, `$` and `|`, matched in one pass.
 */
export function namePattern(text: string): (name: string) => boolean {
  const alternatives = text.split('|').map(compile)
  return (name) => alternatives.some((matches) => matches(name))
}

const anything = 0
const anyOne = 1
type Token = string | typeof anything | typeof anyOne
const open: readonly Token[] = [anything]

function compile(text: string): (name: string) => boolean {
  const anchoredStart = text.startsWith('^')
  const anchoredEnd = /(^|[^\\])\$$/.test(text)
  const body = text.slice(anchoredStart ? 1 : 0, anchoredEnd ? -1 : undefined)
  const tokens: Token[] = tokenise(body, text)
  const whole = [...(anchoredStart ? [] : open), ...tokens, ...(anchoredEnd ? [] : open)]
  return (name) => matches(whole, name)
}

function tokenise(body: string, text: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < body.length; at++) {
    const char = body.charAt(at)
    if (body.startsWith('.*', at) || body.startsWith('.+', at)) {
      if (body.charAt(++at) === '+') tokens.push(anyOne)
      tokens.push(anything)
    } else if (char === '.') tokens.push(anyOne)
    else if (char === '\\') tokens.push(body.charAt(++at))
    else if ('[](){}*+?^$'.includes(char)) {
      throw new GantryError('invalid_input', `name filter ${text}: only text and . .* .+ ^ $ | are supported`, {
        field: 'filters',
        value: text,
      })
    } else tokens.push(char)
  }
  return tokens
}

/** Greedy with one way back, to the last `.*`: linear in what is looked at, times the pattern's length. */
function matches(tokens: readonly Token[], name: string): boolean {
  let token = 0
  let at = 0
  let star = -1
  let starAt = 0
  while (at < name.length) {
    const wanted = tokens[token]
    if (wanted === anything) {
      star = token++
      starAt = at
    } else if (wanted === anyOne || wanted === name[at]) {
      token++
      at++
    } else if (star !== -1) {
      token = star + 1
      at = ++starAt
    } else return false
  }
  while (tokens[token] === anything) token++
  return token === tokens.length
}
