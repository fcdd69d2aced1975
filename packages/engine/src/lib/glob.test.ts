import { expect, test } from 'vitest'
import { globPattern } from './glob.ts'

test.each([
  ['busybox', 'busybox', true],
  ['busy*', 'busybox', true],
  ['busy*', 'busybox/x', false],
  ['*/*:1.?', 'reg/app:1.2', true],
  ['a[0-9].b', 'a7.b', true],
  ['a[^0-9]', 'a7', false],
  ['a.b', 'aXb', false],
  ['a\\*', 'a*', true],
  ['[z-a]', 'b', false],
  ['(a+)+$', 'aaaa', false],
])('%s on %s: %s', (glob, text, fits) => expect(globPattern(glob).test(text)).toBe(fits))
