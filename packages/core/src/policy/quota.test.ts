import { describe, expect, it } from 'vitest'
import { checkQuota, checkResources, formatBytes, formatCpus } from './quota.ts'

const none = { containers: 0, volumes: 0, images: 0 }
const GiB = 1024 ** 3

describe('checkQuota', () => {
  it('lets everything through without limits', () => {
    expect(checkQuota({ containers: 1e6, volumes: 1e6, images: 1e6 }, { containers: 1, volumes: 9 }, {})).toBeNull()
  })

  it.each([
    { used: 0, ask: 1, limit: 1, fits: true },
    { used: 1, ask: 1, limit: 1, fits: false },
    { used: 0, ask: 2, limit: 1, fits: false },
    { used: 0, ask: 1, limit: 0, fits: false },
    { used: 5, ask: 0, limit: 3, fits: true },
  ])('$used used and $ask more of $limit: $fits', ({ used, ask, limit, fits }) => {
    for (const kind of ['containers', 'volumes', 'images'] as const) {
      expect(checkQuota({ ...none, [kind]: used }, { [kind]: ask }, { [kind]: limit }) === null).toBe(fits)
    }
  })

  it('names limit, use, ask and what to do', () => {
    const refusal = checkQuota({ ...none, containers: 3 }, { containers: 1 }, { containers: 3 })
    expect(refusal).toMatchObject({
      code: 'quota_exceeded',
      message: 'project limit of 3 containers is reached: 3 in use, 1 more asked for',
      detail: { field: 'containers', used: '3', asked: '1', limit: '3' },
    })
    expect(refusal?.detail.remedy).toContain('raise')
  })

  it('refuses anything new when the disk is full, and nothing when it was not measured', () => {
    expect(checkQuota({ ...none, diskBytes: GiB }, { images: 1 }, { diskBytes: GiB })?.message).toBe(
      'project disk limit of 1 GiB is reached: 1 GiB in use',
    )
    expect(checkQuota({ ...none, diskBytes: GiB - 1 }, { images: 1 }, { diskBytes: GiB })).toBeNull()
    expect(checkQuota(none, { images: 1 }, { diskBytes: 0 })).toBeNull()
  })
})

describe('checkResources', () => {
  const limits = { memoryBytes: 2 * GiB, nanoCpus: 1e9, pids: 100 }

  it('lets a container ask for nothing, or for what the project has', () => {
    expect(checkResources({}, limits)).toBeNull()
    expect(checkResources({ memoryBytes: 2 * GiB, nanoCpus: 1e9, pidsLimit: 100 }, limits)).toBeNull()
    expect(checkResources({ memoryBytes: 2 * GiB }, {})).toBeNull()
  })

  it.each([
    [{ memoryBytes: 4 * GiB }, 'memory limit 4 GiB exceeds project limit 2 GiB', 'resources.memoryBytes'],
    [{ nanoCpus: 1.5e9 }, 'cpu limit 1.5 cpus exceeds project limit 1 cpu', 'resources.nanoCpus'],
    [{ cpuQuotaUs: 200_000 }, 'cpu limit 2 cpus exceeds project limit 1 cpu', 'resources.nanoCpus'],
    [{ cpuQuotaUs: 60_000, cpuPeriodUs: 50_000 }, 'cpu limit 1.2 cpus exceeds project limit 1 cpu', 'resources.nanoCpus'],
    [{ pidsLimit: 101 }, 'process limit 101 exceeds project limit 100', 'resources.pidsLimit'],
  ])('refuses %j', (resources, message, field) => {
    expect(checkResources(resources, limits)).toMatchObject({ code: 'quota_exceeded', message, detail: { field } })
  })
})

it('writes sizes as people do', () => {
  expect([0, 1023, 1024, 1536, 10 * 1024 ** 2, 1.25 * GiB].map(formatBytes)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1 KiB',
    '1.5 KiB',
    '10 MiB',
    '1.25 GiB',
  ])
  expect([5e8, 1e9, 2.25e9].map(formatCpus)).toEqual(['0.5 cpus', '1 cpu', '2.25 cpus'])
})
