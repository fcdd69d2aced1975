import { expect, test } from 'vitest'
import { expand, expandWords, splitWords } from './words.ts'

/** Braces without the dollar, which linters take for a template's. */
const dollars = (text: string) => text.replaceAll('%', '$')

const variables = new Map([
  ['A', 'one'],
  ['EMPTY', ''],
  ['LIST', 'x y'],
])

test.each([
  ['$A/%{A}', 'one/one'],
  ['pre%{A}post', 'preonepost'],
  ['$MISSING|%{MISSING}', '|'],
  ['%{MISSING:-word}', 'word'],
  ['%{EMPTY:-word}|%{EMPTY-word}', 'word|'],
  ['%{A:+set}|%{EMPTY:+set}|%{EMPTY+set}', 'set||set'],
  ['%{MISSING:-%{A:-x}}', 'one'],
  ['\\$A \\%{A}', '$A %{A}'],
  ['\'$A\' "$A"', '$A one'],
  ['"a \\"b\\" \\n"', 'a "b" \\n'],
  ['100$', '100$'],
])('%s becomes %s', (text, expected) => {
  expect(expand(dollars(text), variables, '\\')).toBe(dollars(expected))
})

test('words are cut outside of quotes, values of variables too', () => {
  expect(expandWords('$LIST "$LIST" a\\ b', variables, '\\')).toEqual(['x', 'y', 'x y', 'a b'])
  expect(splitWords('A=1 B="two words" C=a\\ b', '\\')).toEqual(['A=1', 'B="two words"', 'C=a\\ b'])
})

test('another escape character', () => {
  expect(expand('c:\\dir\\$A `$A', variables, '`')).toBe('c:\\dir\\one $A')
})

test.each([['%{A'], ["'a"], ['"a'], ['%{A##x}'], ['%{MISSING:?gone}']])('%s is refused', (text) => {
  expect(() => expand(dollars(text), variables, '\\')).toThrow()
})
