import { expect, it } from 'vitest'
import { limitTexts, readLimits } from './limit-text.ts'

it('text and limits are each other', () => {
  const limits = {
    nanoCpus: 1_500_000_000,
    memoryBytes: 512 * 1024 ** 2,
    memorySwapBytes: -1,
    pids: 200,
    containers: 0,
    diskBytes: 10 * 1024 ** 3,
  }
  expect(readLimits(limitTexts(limits))).toEqual({ ok: true, limits })
  expect(readLimits(limitTexts({}))).toEqual({ ok: true, limits: {} })
})

it('names the limit that is wrong', () => {
  const read = readLimits({ ...limitTexts({}), memoryBytes: '1m', pids: 'many', containers: '-1' })
  expect(read.ok ? [] : Object.keys(read.errors).sort()).toEqual(['containers', 'memoryBytes', 'pids'])
})
