import type { StatsRow } from '@gantry/contracts'
import { expect, it } from 'vitest'
import { nextRowRates } from './row-rates.ts'

const row = (id: string, seconds: number, cpuUsageNs: number): StatsRow => ({
  id,
  projectId: 'p',
  timeNano: `${BigInt(seconds) * 1_000_000_000n}`,
  cpuUsageNs,
  hostNs: 0,
  onlineCpus: 2,
  memoryUsageBytes: 100,
  memoryLimitBytes: 0,
  pids: 1,
  readBytes: 0,
  writeBytes: 0,
  rxBytes: 0,
  txBytes: 0,
})

it('keeps a history per container and forgets those that stopped', () => {
  const one = nextRowRates(new Map(), [row('a', 0, 0), row('b', 0, 0)], [row('a', 2, 1e9), row('b', 2, 0)])
  expect(one.get('a')).toMatchObject({ cpus: 0.5, memoryBytes: 100 })
  const two = nextRowRates(one, [row('a', 2, 1e9)], [row('a', 4, 5e9)])
  expect(two.get('a')?.cpuHistory).toEqual([0.5, 2])
  expect(two.has('b')).toBe(false)
})

it('waits for a second reading and survives a restart of the counters', () => {
  expect(nextRowRates(new Map(), [], [row('a', 1, 5)]).size).toBe(0)
  const known = nextRowRates(new Map(), [row('a', 0, 0)], [row('a', 1, 1e9)])
  expect(nextRowRates(known, [row('a', 1, 1e9)], [row('a', 2, 3)]).get('a')?.cpus).toBe(1)
})
