import { expect, it } from 'vitest'
import { safeTarget } from './safe-target.ts'

it('leads to pages of the panel only', () => {
  expect(safeTarget('/containers?project=a')).toBe('/containers?project=a')
  for (const evil of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '', null, '/\t/evil.example'])
    expect(safeTarget(evil)).toBe('/')
})
