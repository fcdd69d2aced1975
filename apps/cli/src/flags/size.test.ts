import { describe, expect, it } from 'vitest'
import { parseCpus, parseDurationMs, parseInteger, parseSize } from './size.ts'

describe('sizes and durations', () => {
  it.each([
    ['1024', 1024],
    ['512k', 512 * 1024],
    ['64m', 64 * 1024 * 1024],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['2TB', 2 * 1024 ** 4],
    ['-1', -1],
  ])('reads %s as %d bytes', (text, bytes) => {
    expect(parseSize('--memory', text)).toBe(bytes)
  })

  it.each(['', 'lots', '12x', '-5m', '1 2'])('refuses %j and names the flag', (text) => {
    expect(() => parseSize('--memory', text)).toThrow(`--memory: ${text} is not a size`)
  })

  it('reads cpus as billionths and refuses none', () => {
    expect(parseCpus('--cpus', '0.5')).toBe(500_000_000)
    expect(() => parseCpus('--cpus', '0')).toThrow('--cpus: 0 is not a number of cpus')
  })

  it('reads durations of several units', () => {
    expect(parseDurationMs('--health-interval', '1m30s')).toBe(90_000)
    expect(parseDurationMs('--health-interval', '500ms')).toBe(500)
    expect(() => parseDurationMs('--health-interval', '30')).toThrow('is not a duration')
  })

  it('refuses a fraction where a whole number is meant', () => {
    expect(() => parseInteger('--pids-limit', '1.5')).toThrow('--pids-limit: 1.5 is not a whole number')
  })
})
