import { expect, it } from 'vitest'
import { goFileMode, pathStatHeader } from './file-stat.ts'

it.each([
  [0o100644, 0o644],
  [0o40755, 2147484141],
  [0o120777, 134218239],
  [0o41777, 2 ** 31 + 2 ** 20 + 0o777],
  [0o104755, 2 ** 23 + 0o755],
  [0o20666, 2 ** 26 + 2 ** 21 + 0o666],
])('st_mode %o is %d to Go', (mode, go) => {
  expect(goFileMode(mode)).toBe(go)
})

it('the header is JSON in base64', () => {
  const header = pathStatHeader({ name: 'f', size: 3, mode: 0o100600, mtime: '2020-01-02T03:04:05.000Z', linkTarget: '' })
  expect(JSON.parse(Buffer.from(header, 'base64').toString())).toEqual({
    ...{ name: 'f', size: 3, mode: 0o600, mtime: '2020-01-02T03:04:05.000Z', linkTarget: '' },
  })
})
