import { describe, expect, it } from 'vitest'
import { table } from './table.ts'
import { bytes, shortId, span } from './units.ts'

describe('what people read', () => {
  it.each([
    [0, '0B'],
    [1023, '1023B'],
    [1536, '1.5KiB'],
    [1024 ** 3, '1GiB'],
    [5 * 1024 ** 5, '5120TiB'],
  ])('%d bytes is %s', (value, text) => {
    expect(bytes(value)).toBe(text)
  })

  it('names the largest unit of a time span', () => {
    const at = (seconds: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + seconds * 1000)
    expect(span('2026-01-01T00:00:00.5Z', at(0))).toBe('less than a second')
    expect(span('2026-01-01T00:00:00Z', at(1))).toBe('1 second')
    expect(span('2026-01-01T00:00:00Z', at(7300))).toBe('2 hours')
  })

  it('cuts ids and aligns columns', () => {
    expect(shortId(`sha256:${'ab'.repeat(32)}`)).toBe('abababababab')
    expect(
      table(
        ['ID', 'NAME'],
        [
          ['1', 'web'],
          ['22', ''],
        ],
      ),
    ).toBe('ID   NAME\n1    web\n22')
  })
})
