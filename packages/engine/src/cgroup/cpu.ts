import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { Change, Controller } from './controller.ts'
import { formatCpus } from './words.ts'

/** v1 default of cpu.shares, and what runc's formula maps to the v2 default of cpu.weight (100). */
const DEFAULT_SHARES = 1024
const DEFAULT_PERIOD_US = 100_000

/** cpu shares, bandwidth and real-time budget; Documentation/scheduler/sched-bwc.rst, sched-rt-group.rst. */
export const cpu: Controller = {
  name: 'cpu',
  v1(change) {
    const { dir, before, after, writes } = change
    if (before.cpuShares !== after.cpuShares) writes.write(join(dir, 'cpu.shares'), after.cpuShares ?? DEFAULT_SHARES)
    bandwidthV1(change)
    realTimeV1(change)
  },
  v2({ dir, before, after, facts, writes }) {
    if (before.cpuShares !== after.cpuShares) {
      writes.write(join(dir, 'cpu.weight'), cpuWeight(after.cpuShares ?? DEFAULT_SHARES))
    }
    if (before.cpu?.quotaUs !== after.cpu?.quotaUs || before.cpu?.periodUs !== after.cpu?.periodUs) {
      writes.write(join(dir, 'cpu.max'), after.cpu ? `${after.cpu.quotaUs} ${after.cpu.periodUs}` : `max ${DEFAULT_PERIOD_US}`)
    }
    if ((before.cpuBurstUs ?? 0) !== (after.cpuBurstUs ?? 0)) {
      if (facts.exists(join(dir, '..', 'cpu.max.burst'))) writes.write(join(dir, 'cpu.max.burst'), after.cpuBurstUs ?? 0)
      else writes.warn('cpu burst is not kept: this kernel has no cpu.max.burst (needs 5.15)')
    }
    if (after.cpuRt) {
      throw new GantryError('unsupported', 'real-time cpu budgets need cgroup v1: cgroup v2 has none', {
        field: 'resources.cpuRtRuntimeUs',
        remedy: 'leave cpuRtRuntimeUs out',
      })
    }
  },
}

/**
 * cpu.shares (2..262144) to cpu.weight (1..10000) so that both defaults and both ends meet: runc 1.3.2 and crun 1.23 on.
 * The older straight line gave the default container a weight of 39 where everything else has 100.
 */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1
  if (shares >= 262_144) return 10_000
  const l = Math.log2(shares)
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34))
}

/**
 * On v1 the kernel refuses (EINVAL) a child whose quota is a larger part of its period than its parent's: the container
 * then gets the project's rate, which is all it could use anyway.
 */
function bandwidthV1(change: Change): void {
  const { dir, before, after, fresh, writes } = change
  const same = before.cpu?.quotaUs === after.cpu?.quotaUs && before.cpu?.periodUs === after.cpu?.periodUs
  const sameBurst = (before.cpuBurstUs ?? 0) === (after.cpuBurstUs ?? 0)
  if (same && sameBurst) return
  const burst = join(dir, 'cpu.cfs_burst_us')
  // Burst may not exceed the quota: it goes first while it falls, last while it rises.
  if (!fresh && before.cpuBurstUs) writes.write(burst, 0)
  if (!same || fresh) writeBandwidthV1(change)
  if (after.cpuBurstUs) {
    if (change.facts.exists(join(change.mount, 'cpu.cfs_burst_us'))) writes.write(burst, after.cpuBurstUs)
    else writes.warn('cpu burst is not kept: this kernel has no cpu.cfs_burst_us (needs 5.14)')
  }
}

function writeBandwidthV1({ dir, ancestors, after, fresh, facts, writes }: Change): void {
  const quotaFile = join(dir, 'cpu.cfs_quota_us')
  // Between the two writes the old quota meets the new period, which the kernel may refuse: lift the quota first.
  if (!fresh) writes.write(quotaFile, -1)
  if (!after.cpu) {
    if (!fresh) writes.write(join(dir, 'cpu.cfs_period_us'), DEFAULT_PERIOD_US)
    return
  }
  const { periodUs } = after.cpu
  // The instance's own group, the last, is never limited.
  const rate = Math.min(...ancestors.slice(0, -1).map((group) => readRateV1(facts.read, group)))
  const quotaUs = Math.min(after.cpu.quotaUs, Math.floor(rate * periodUs))
  if (quotaUs < after.cpu.quotaUs) {
    writes.warn(`${formatCpus(after.cpu)} cpus exceed the project's ${formatCpus({ quotaUs, periodUs })}: the project's limit applies`)
  }
  if (!fresh || periodUs !== DEFAULT_PERIOD_US) writes.write(join(dir, 'cpu.cfs_period_us'), periodUs)
  writes.write(quotaFile, quotaUs)
}

/** Cpus that a v1 group may use at most; Infinity without a quota. */
export function readRateV1(read: (path: string) => string | null, group: string): number {
  const quota = Number(read(join(group, 'cpu.cfs_quota_us')) ?? -1)
  const period = Number(read(join(group, 'cpu.cfs_period_us')) ?? DEFAULT_PERIOD_US)
  return quota > 0 ? quota / period : Number.POSITIVE_INFINITY
}

/** A group's real-time budget comes out of its parent's, so every level above must have at least the sum of its children. */
function realTimeV1({ dir, ancestors, before, after, facts, mount, writes }: Change): void {
  if (before.cpuRt?.runtimeUs === after.cpuRt?.runtimeUs && before.cpuRt?.periodUs === after.cpuRt?.periodUs) return
  if (!facts.exists(join(mount, 'cpu.rt_runtime_us'))) {
    if (after.cpuRt) writes.warn('the real-time cpu budget is not kept: this kernel has no real-time groups (CONFIG_RT_GROUP_SCHED)')
    return
  }
  const runtimeOf = (group: string) => Number(facts.read(join(group, 'cpu.rt_runtime_us')) ?? 0)
  if (after.cpuRt) {
    let needed = after.cpuRt.runtimeUs
    const raises: [string, number][] = []
    let below = dir
    for (const group of ancestors) {
      const others = facts.children(group).filter((name) => join(group, name) !== below)
      needed += others.reduce((sum, name) => sum + runtimeOf(join(group, name)), 0)
      if (runtimeOf(group) < needed) raises.unshift([group, needed])
      below = group
    }
    for (const [group, runtimeUs] of raises) writes.write(join(group, 'cpu.rt_runtime_us'), runtimeUs)
    writes.write(join(dir, 'cpu.rt_period_us'), after.cpuRt.periodUs)
  }
  writes.write(join(dir, 'cpu.rt_runtime_us'), after.cpuRt?.runtimeUs ?? 0)
}
