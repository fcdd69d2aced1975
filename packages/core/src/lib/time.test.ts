import { expect, it } from 'vitest'
import { isLater } from './time.ts'

it('orders times to the nanosecond, however many digits they have', () => {
  expect(isLater('2026-01-01T00:00:05.12Z', '2026-01-01T00:00:05.1Z')).toBe(true)
  expect(isLater('2026-01-01T00:00:05.1Z', '2026-01-01T00:00:05.12Z')).toBe(false)
  expect(isLater('2026-01-01T00:00:05.100000001Z', '2026-01-01T00:00:05.1Z')).toBe(true)
  expect(isLater('2026-01-01T00:00:05Z', '2026-01-01T00:00:05.000000000Z')).toBe(false)
  expect(isLater('2026-01-01T00:00:06Z', '2026-01-01T00:00:05.9Z')).toBe(true)
})
