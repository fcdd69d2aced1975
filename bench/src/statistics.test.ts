import { describe, expect, it } from 'vitest'
import { figures } from './statistics.ts'

describe('figures', () => {
  const samples = Array.from({ length: 100 }, (_, index) => index + 1)

  it('takes the least as the best of times', () => {
    expect(figures(samples, 500)).toEqual({ best: 1, median: 50, p99: 99, cpu: 5, n: 100 })
  })
  it('takes the most as the best of rates', () => {
    expect(figures(samples, 0, 'higher')).toEqual({ best: 100, median: 51, p99: 2, cpu: 0, n: 100 })
  })
  it('works on one sample and refuses none', () => {
    expect(figures([7])).toEqual({ best: 7, median: 7, p99: 7, cpu: 0, n: 1 })
    expect(() => figures([])).toThrow('no samples')
  })
})
