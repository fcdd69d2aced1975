import { describe, expect, test } from 'vitest'
import { parseResources, parseResourcesUpdate } from './resources.ts'

describe('limits', () => {
  test('of run: none is said as docker says it', () => {
    expect(parseResources({ pidsLimit: '-1', memory: '64m', cpus: '0.5' })).toEqual({ pidsLimit: -1, memoryBytes: 67108864, nanoCpus: 5e8 })
  })

  test('of update are changed, kept or taken away', () => {
    expect(parseResourcesUpdate({ memory: '-1', cpus: '0', pidsLimit: '7', cpusetCpus: '', cpuShares: '512' })).toEqual({
      memoryBytes: null,
      nanoCpus: null,
      cpuQuotaUs: null,
      pidsLimit: 7,
      cpusetCpus: null,
      cpuShares: 512,
    })
    expect(() => parseResourcesUpdate({ cpus: 'none' })).toThrow('--cpus: none is not a number of cpus')
    expect(parseResourcesUpdate({})).toEqual({})
  })
})
