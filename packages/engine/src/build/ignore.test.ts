import { expect, test } from 'vitest'
import { globToRegExp } from './glob.ts'
import { readIgnore } from './ignore.ts'

test.each([
  ['*.log', ['a.log'], ['d/a.log', 'a.txt']],
  ['**/*.log', ['a.log', 'd/a.log', 'd/e/a.log'], ['a.logs']],
  ['node_modules', ['node_modules', 'node_modules/a/b'], ['x/node_modules']],
  ['/build/', ['build', 'build/x'], ['a/build']],
  ['*\n!README*\nREADME-secret', ['x', 'd/y', 'README-secret'], ['README.md']],
  ['docs\n!docs/keep/**', ['docs/a', 'docs/keeper'], ['docs/keep/x', 'docs/keep/d/y']],
  ['# comment\n\na?c', ['abc'], ['ac', 'a/c']],
  ['[a-c].txt\n[^x]y', ['b.txt', 'ay'], ['d.txt', 'xy']],
])('%j', (text, ignored, kept) => {
  const ignores = readIgnore(text)
  expect([...ignored, ...kept].filter(ignores)).toEqual(ignored)
})

test('globs of a copy stay within one folder', () => {
  expect(globToRegExp('*.txt')?.test('d/a.txt')).toBe(false)
  expect(globToRegExp('d/*/x')?.test('d/e/x')).toBe(true)
  expect(globToRegExp('a\\*')?.test('a*')).toBe(true)
  expect(globToRegExp('[')).toBe(undefined)
})
