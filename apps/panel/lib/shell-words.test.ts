import { describe, expect, it } from 'vitest'
import { quoteWord, quoteWords, splitWords } from './shell-words.ts'

describe('shell words', () => {
  it('quotes only what needs it', () => {
    expect(quoteWord('nginx:1.27')).toBe('nginx:1.27')
    expect(quoteWord('')).toBe("''")
    expect(quoteWord("it's")).toBe(`'it'\\''s'`)
    expect(quoteWord('$HOME;ls')).toBe("'$HOME;ls'")
  })
  it('splits by quotes and backslashes', () => {
    expect(splitWords('sh -c "echo $x \\"y\\"" \'a b\' c\\ d ""')).toEqual(['sh', '-c', 'echo $x "y"', 'a b', 'c d', ''])
    expect(splitWords('  ')).toEqual([])
    expect(splitWords('echo "open')).toBeNull()
  })
  it('split undoes quote', () => {
    const words = ['sh', '-c', `echo "it's" $(date) \\ done`, '', 'täst 中文', 'a\nb']
    expect(splitWords(quoteWords(words))).toEqual(words)
  })
})
