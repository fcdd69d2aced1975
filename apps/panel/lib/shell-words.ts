/** Quotes one word for a POSIX shell; plain words stay as they are. */
export function quoteWord(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}

export const quoteWords = (words: readonly string[]) => words.map(quoteWord).join(' ')

/**
 * Splits a command line into words by POSIX quoting rules (no expansion). Returns null while a quote is open.
 */
export function splitWords(line: string): string[] | null {
  const words: string[] = []
  let word: string | null = null
  let quote: '"' | "'" | null = null
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string
    const next = line[i + 1]
    if (quote === "'") {
      if (c === "'") quote = null
      else word += c
    } else if (c === '\\' && next !== undefined && (quote === null || '"\\$`'.includes(next))) {
      word = (word ?? '') + next
      i++
    } else if (quote === '"') {
      if (c === '"') quote = null
      else word += c
    } else if (c === '"' || c === "'") {
      quote = c
      word ??= ''
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + c
  }
  if (quote !== null) return null
  if (word !== null) words.push(word)
  return words
}
