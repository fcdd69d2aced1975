import type { Stats } from '@gantry/contracts'
import { describe, expect, it } from 'vitest'
import { ratesBetween } from './rates.ts'

const interface0 = { rxPackets: 0, rxErrors: 0, rxDropped: 0, txPackets: 0, txErrors: 0, txDropped: 0 }
function reading(
  atSeconds: number,
  change: { usageNs?: number; periods?: number; throttled?: number; rx?: number; read?: number; stalledUs?: number } = {},
): Stats {
  return {
    id: 'a',
    name: 'web',
    projectId: 'p',
    timeNano: `${BigInt(atSeconds * 1000) * 1_000_000n}`,
    cpu: {
      usageNs: change.usageNs ?? 0,
      userNs: 0,
      systemNs: 0,
      perCpuNs: [],
      periods: change.periods ?? 0,
      throttledPeriods: change.throttled ?? 0,
      throttledNs: 0,
      hostNs: 0,
      onlineCpus: 2,
    },
    memory: {
      usageBytes: 1000,
      maxUsageBytes: 1000,
      limitBytes: 4000,
      swapBytes: 0,
      cacheBytes: 300,
      rssBytes: 700,
      inactiveFileBytes: 200,
      failCount: 0,
      oomKills: 0,
      stat: {},
    },
    pids: { current: 3, limit: 10 },
    io: { readBytes: change.read ?? 0, writeBytes: 0, readOps: 0, writeOps: 0, devices: [] },
    network: {
      lo: { ...interface0, rxBytes: 9e9 * atSeconds, txBytes: 0 },
      eth0: { ...interface0, rxBytes: change.rx ?? 0, txBytes: 0 },
    },
    ...(change.stalledUs === undefined ? {} : { pressure: { cpu: { someUs: change.stalledUs, fullUs: 0, someAvg10: 0, fullAvg10: 0 } } }),
  }
}

describe('ratesBetween', () => {
  it('divides by the time that really passed', () => {
    const rates = ratesBetween(reading(10), reading(12, { usageNs: 3e9, rx: 2048, read: 4096, periods: 20, throttled: 5 }))
    expect(rates).toMatchObject({
      timeMs: 12_000,
      cpus: 1.5,
      rxBytesPerS: 1024,
      readBytesPerS: 2048,
      throttledShare: 0.25,
      memoryBytes: 800,
    })
  })
  it('says nothing across a restart or within one moment', () => {
    expect(ratesBetween(reading(1, { usageNs: 5 }), reading(2, { usageNs: 1 }))).toBeNull()
    expect(ratesBetween(reading(1), reading(1))).toBeNull()
  })
  it('knows pressure only where both readings have it', () => {
    expect(ratesBetween(reading(1), reading(2))?.cpuPressure).toBeNull()
    expect(ratesBetween(reading(1, { stalledUs: 0 }), reading(2, { stalledUs: 250_000 }))?.cpuPressure).toBe(0.25)
  })
})
