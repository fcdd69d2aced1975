import { expect, it } from 'vitest'
import { wireError } from './errors.ts'

it("takes the gateway's own error out of the answer", () => {
  const gantry = { code: 'quota_exceeded', message: 'too much', detail: { limit: '2 GiB', field: 'resources.memoryBytes' } }
  expect(wireError(Object.assign(new Error('x'), { data: { gantry } }))).toEqual(gantry)
  expect(wireError(Object.assign(new Error('x'), { data: { gantry: { code: 'timeout', message: 'late' } } })).detail).toEqual({})
})
it('tells an answer without a known error from no answer', () => {
  expect(wireError(Object.assign(new Error('odd'), { data: { code: 'X' } }))).toMatchObject({ code: 'internal', message: 'odd' })
  expect(wireError(new TypeError('Failed to fetch')).code).toBe('network')
})
