import { expect, it } from 'vitest'
import { namePattern } from './name-pattern.ts'

it.each([
  ['web', 'my-web-1', true],
  ['^web$', 'web', true],
  ['^web$', 'web1', false],
  ['^/web$', '/web', true],
  ['web.*[0-9]+$', 'web-x12', true],
  ['(db|web)_\\d{2}', 'db_07', true],
  ['(?i)WEB', 'web', true],
  ['[^a-z]', 'web', false],
  // What is no expression is a name.
  ['web(', 'web(', true],
  ['web(', 'web', false],
  ['+web', 'web', false],
])('%s on %s: %s', (text, name, fits) => expect(namePattern([text])(name)).toBe(fits))

it('does not try again and again what a stranger has made hard', () => {
  const name = `${'a'.repeat(100_000)}!`
  for (const hard of ['(a+)+$', '(a|aa)+$', '(a*)*b', '(.*a){20}$']) expect(namePattern([hard])(name)).toBe(false)
  // Too large to be kept as a program.
  expect(namePattern(['((a{100}){100}){100}'])('a')).toBe(false)
  expect(() => namePattern(Array.from({ length: 17 }, (_, index) => `a{0,90${index}}`))).toThrow('more than 16 expressions')
  expect(namePattern(['.'.repeat(100_000)])('a')).toBe(false)
})
