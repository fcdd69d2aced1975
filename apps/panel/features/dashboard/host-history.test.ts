import type { HostInfo, HostSample, Stats } from '@gantry/contracts'
import { expect, it } from 'vitest'
import { hostPoint } from './host-history.ts'

function sample(second: number, busyNs: number, project?: { usageNs: number }): HostSample {
  const host = { cpuBusyNs: busyNs, cpuTotalNs: second * 2e9, memoryUsedBytes: 100 } as HostInfo
  const stats = {
    projectId: 'team',
    timeNano: `${BigInt(second) * 1_000_000_000n}`,
    cpu: { usageNs: project?.usageNs ?? 0 },
    memory: { usageBytes: 50, inactiveFileBytes: 20 },
  } as Stats
  return { time: new Date(second * 1000).toISOString(), host, projects: project ? [stats] : [] }
}

it('makes shares and rates of two samples', () => {
  const point = hostPoint(sample(10, 0, { usageNs: 0 }), sample(12, 1e9, { usageNs: 3e9 }))
  expect(point).toMatchObject({ timeS: 12, busy: 0.25, memoryBytes: 100 })
  expect(point?.projects.get('team')).toEqual({ cpus: 1.5, memoryBytes: 30 })
})

it('starts a new project at nothing, and needs two moments', () => {
  expect(hostPoint(sample(1, 0), sample(2, 0, { usageNs: 9 }))?.projects.get('team')?.cpus).toBe(0)
  expect(hostPoint(sample(2, 0), sample(2, 0))).toBeNull()
})
