import { expect, test } from 'vitest'
import { expectWords, parseArgs, wholeNumber } from './args.ts'

const spec = { root: { kind: 'value', short: 'r' }, force: { kind: 'flag', short: 'f' }, env: { kind: 'list', short: 'e' } } as const

test.each([
  [['--root', '/x', '--force', 'id']],
  [['--root=/x', '--force=true', 'id']],
  [['-root', '/x', '-force', 'id']],
  [['-r', '/x', '-f', 'id']],
  [['-r=/x', '-f', '--', 'id']],
])('one dash or two, one word or two: %j', (words) => {
  const parsed = parseArgs(words, spec)
  expect([parsed.value('root'), parsed.has('force'), parsed.positional]).toEqual(['/x', true, ['id']])
})

test('options end at the first other word unless they may be anywhere', () => {
  expect(parseArgs(['id', '--force'], spec).positional).toEqual(['id', '--force'])
  expect(parseArgs(['id', '--force'], spec, true).has('force')).toBe(true)
  expect(parseArgs(['id', '--', '--force'], spec, true).positional).toEqual(['id', '--force'])
  expect(parseArgs(['-'], spec).positional).toEqual(['-'])
})

test('the last value counts, a list keeps all', () => {
  const parsed = parseArgs(['--root', '/a', '-e', 'A=1=2', '--env=B', '--root', '/b', '--force=false'], spec)
  expect([parsed.value('root'), parsed.list('env'), parsed.has('force'), parsed.list('root')]).toEqual([
    '/b',
    ['A=1=2', 'B'],
    false,
    ['/b'],
  ])
})

test('what is wrong is named', () => {
  expect(() => parseArgs(['--rooot'], spec)).toThrow('unknown option --rooot')
  expect(() => parseArgs(['--root'], spec)).toThrow('option --root needs a value')
  expect(() => expectWords(parseArgs(['a', 'b'], spec), 'state CONTAINER', 1)).toThrow('usage: gantry-oci state CONTAINER')
  expect(() => wholeNumber('1.5', '--memory')).toThrow('--memory 1.5 is not a whole number')
  expect([wholeNumber('-1', '--memory'), wholeNumber(undefined, '--memory'), wholeNumber('', '--memory')]).toEqual([
    -1,
    undefined,
    undefined,
  ])
})
