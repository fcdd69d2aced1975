import { describe, expect, it } from 'vitest'
import { limitChange, limitValues } from './limit-values.ts'

const before = limitValues({ nanoCpus: 500_000_000, memoryBytes: 64 * 1024 ** 2, memorySwapBytes: -1, pidsLimit: 50 }, { name: 'no' })

describe('limitChange', () => {
  it('asks for what is different and nothing else', () => {
    expect(limitChange(before, before)).toEqual({ ok: true, update: { resources: {} }, changed: [] })
    expect(limitChange(before, { ...before, memoryBytes: '128 MiB', nanoCpus: '0.50', restart: 'always' })).toEqual({
      ok: true,
      update: { resources: { memoryBytes: 128 * 1024 ** 2 }, restart: { name: 'always' } },
      changed: [
        { field: 'memoryBytes', before: '64m', after: '128 MiB' },
        { field: 'restart', before: 'no', after: 'always' },
      ],
    })
  })
  it('removes what is emptied', () => {
    expect(limitChange(before, { ...before, memoryBytes: '', memorySwapBytes: ' ' })).toEqual({
      ok: true,
      update: { resources: { memoryBytes: null, memorySwapBytes: null } },
      changed: [
        { field: 'memoryBytes', before: '64m', after: '' },
        { field: 'memorySwapBytes', before: '-1', after: '' },
      ],
    })
    expect(limitValues({ pidsLimit: -1 }, { name: 'no' }).pidsLimit).toBe('')
  })
  it('refuses what cannot be, at its field', () => {
    const change = limitChange(before, { ...before, nanoCpus: '-1', memoryBytes: '1m', pidsLimit: '', cpusetCpus: 'x' })
    expect(change).toMatchObject({ ok: false, errors: { memoryBytes: 'must be at least 6 MiB' } })
    expect(change.ok ? [] : Object.keys(change.errors).sort()).toEqual(['cpusetCpus', 'memoryBytes', 'nanoCpus'])
  })
})
