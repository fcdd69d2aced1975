import { describe, expect, it } from 'vitest'
import { formatAgo, formatBytes, formatCpus, formatDuration, formatMs, formatPercent, shortId } from './format.ts'

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [640 * 1024, '640 KiB'],
    [1024 ** 2 - 1, '1 MiB'],
    [1.25 * 1024 ** 3, '1.25 GiB'],
    [-2048, '-2 KiB'],
  ])('%d is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))
})

describe('other figures', () => {
  it('shows shares, cpus and milliseconds', () => {
    expect(formatPercent(0)).toBe('0 %')
    expect(formatPercent(0.2561)).toBe('25.6 %')
    expect(formatPercent(1)).toBe('100 %')
    expect(formatCpus(1_500_000_000)).toBe('1.5')
    expect(formatCpus(10_000_000)).toBe('0.01')
    expect(formatMs(2813)).toBe('2.81 ms')
  })
  it.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [200, '3 min 20 s'],
    [7260, '2 h 1 min'],
    [90_000, '1 d 1 h'],
  ])('%d seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text))
  it('cuts ids and digests to twelve digits', () => {
    expect(shortId(`sha256:${'ab'.repeat(32)}`)).toBe('abababababab')
    expect(shortId('f'.repeat(64))).toHaveLength(12)
  })
  it('tells how long ago, and nothing for never', () => {
    const now = Date.parse('2026-01-01T00:10:00Z')
    expect(formatAgo('2026-01-01T00:00:00Z', 'en', now)).toBe('10 min. ago')
    expect(formatAgo('2026-01-01T00:00:00Z', 'zh', now)).toContain('10')
    expect(formatAgo('', 'en', now)).toBe('')
  })
})
