import { expect, test } from 'vitest'
import { absolutePath, baseName } from './container-path.ts'

test.each([
  ['etc/passwd', '/etc/passwd', 'passwd'],
  ['/a/../b//c', '/b/c', 'c'],
  ['/../../etc', '/etc', 'etc'],
  ['/dir/', '/dir/', 'dir'],
  ['/dir/.', '/dir/.', '.'],
  ['/', '/', '/'],
  ['.', '/', '/'],
  ['/..', '/', '/'],
])('%s is %s and a copy of it is called %s', (given, path, name) => {
  expect(absolutePath(given)).toBe(path)
  expect(baseName(absolutePath(given))).toBe(name)
})
