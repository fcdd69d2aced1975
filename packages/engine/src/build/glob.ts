/**
 * Patterns of paths: `*` and `?` within one part, `[a-z]` and `[^a]`, `\` before a character that means itself, and with `anyDepth`
 * `**` for any number of parts. Undefined for one that cannot be read.
 */
export function globToRegExp(pattern: string, options: { anyDepth?: boolean } = {}): RegExp | undefined {
  let out = ''
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? ''
    if (char === '*' && options.anyDepth && pattern[at + 1] === '*') {
      at++
      if (pattern[at + 1] === '/') {
        at++
        out += '(?:.*/)?'
      } else out += '.*'
    } else if (char === '*') out += '[^/]*'
    else if (char === '?') out += '[^/]'
    else if (char === '[') {
      const end = pattern.indexOf(']', at + 2)
      if (end < 0) return undefined
      out += `[${pattern.slice(at + 1, end).replace(/[\\\]]/g, '\\$&')}]`
      at = end
    } else if (char === '\\') {
      at++
      if (at >= pattern.length) return undefined
      out += literal(pattern[at] ?? '')
    } else out += literal(char)
  }
  try {
    return new RegExp(`^${out}$`, 's')
  } catch {
    return undefined
  }
}

export const hasGlob = (pattern: string): boolean => /[*?[\\]/.test(pattern)

const literal = (char: string) => char.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
