import { describe, expect, it } from 'vitest'
import { bytesText, parseBytes, parseCount, parseCpus } from './units.ts'

describe('parseBytes', () => {
  it.each([
    ['512m', 536_870_912],
    ['512 MiB', 536_870_912],
    ['512MB', 536_870_912],
    ['1.5g', 1_610_612_736],
    ['1024', 1024],
    ['10b', 10],
  ])('%s is %d', (text, bytes) => expect(parseBytes(text)).toBe(bytes))
  it('tells nothing from nonsense', () => {
    expect(parseBytes('  ')).toBeUndefined()
    for (const text of ['-5m', 'lots', '5 parsecs', '1e9', '5mm']) expect(parseBytes(text)).toBeNaN()
  })
})

describe('bytesText', () => {
  it('round-trips every value', () => {
    for (const bytes of [0, 1, 1000, 4096, 6 * 1024 ** 2, 1.5 * 1024 ** 3, 536_870_913]) expect(parseBytes(bytesText(bytes))).toBe(bytes)
    expect(bytesText(536_870_912)).toBe('512m')
    expect(bytesText(undefined)).toBe('')
  })
})

describe('cpus and counts', () => {
  it('reads decimals and thousandths', () => {
    expect(parseCpus('0.5')).toBe(500_000_000)
    expect(parseCpus('250m')).toBe(250_000_000)
    expect(parseCpus('')).toBeUndefined()
    expect(parseCpus('half')).toBeNaN()
  })
  it('reads whole numbers only', () => {
    expect(parseCount('100')).toBe(100)
    expect(parseCount('-1')).toBe(-1)
    expect(parseCount('')).toBeUndefined()
    expect(parseCount('1.5')).toBeNaN()
  })
})
