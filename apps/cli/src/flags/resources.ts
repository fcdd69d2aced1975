import type { Resources, ResourcesUpdate } from '@gantry/contracts'
import { parseCpus, parseInteger, parseSize } from './size.ts'

/** Limit flags, shared by `run` and `update`. */
export interface ResourceFlags {
  cpus?: string
  cpuShares?: string
  cpuQuota?: string
  cpuPeriod?: string
  cpusetCpus?: string
  cpusetMems?: string
  memory?: string
  memorySwap?: string
  memoryReservation?: string
  memorySwappiness?: string
  oomKillDisable?: boolean
  pidsLimit?: string
  blkioWeight?: string
  deviceReadBps?: string
  deviceWriteBps?: string
  deviceReadIops?: string
  deviceWriteIops?: string
}

export const resourceOptions: readonly (readonly [string, string])[] = [
  ['--cpus <n>', 'cpus, such as 0.5'],
  ['-c, --cpu-shares <n>', 'relative share of cpu'],
  ['--cpu-quota <us>', 'cpu time per period'],
  ['--cpu-period <us>', 'length of the period'],
  ['--cpuset-cpus <list>', 'cpus to run on'],
  ['--cpuset-mems <list>', 'memory nodes to use'],
  ['-m, --memory <size>', 'memory limit'],
  ['--memory-swap <size>', 'memory plus swap; -1 is unlimited'],
  ['--memory-reservation <size>', 'soft limit'],
  ['--memory-swappiness <n>', '0 to 100'],
  ['--oom-kill-disable', 'pause instead of killing'],
  ['--pids-limit <n>', 'processes and threads; -1 is unlimited'],
  ['--blkio-weight <n>', 'share of block io, 10 to 1000'],
  ['--device-read-bps <device:rate>', 'limit reading from a device'],
  ['--device-write-bps <device:rate>', 'limit writing to a device'],
  ['--device-read-iops <device:rate>', 'limit reads from a device'],
  ['--device-write-iops <device:rate>', 'limit writes to a device'],
]

/** Only what was given; the engine's schema checks the ranges. */
export function parseResources(flags: ResourceFlags): Resources {
  const integer = (flag: string, text: string | undefined) => (text === undefined ? undefined : parseInteger(flag, text))
  const size = (flag: string, text: string | undefined) => (text === undefined ? undefined : parseSize(flag, text))
  const pids = integer('--pids-limit', flags.pidsLimit)
  const resources: Resources = {
    nanoCpus: flags.cpus === undefined ? undefined : parseCpus('--cpus', flags.cpus),
    cpuShares: integer('--cpu-shares', flags.cpuShares),
    cpuQuotaUs: integer('--cpu-quota', flags.cpuQuota),
    cpuPeriodUs: integer('--cpu-period', flags.cpuPeriod),
    cpusetCpus: flags.cpusetCpus,
    cpusetMems: flags.cpusetMems,
    memoryBytes: size('--memory', flags.memory),
    memorySwapBytes: size('--memory-swap', flags.memorySwap),
    memoryReservationBytes: size('--memory-reservation', flags.memoryReservation),
    memorySwappiness: integer('--memory-swappiness', flags.memorySwappiness),
    oomKillDisable: flags.oomKillDisable,
    pidsLimit: pids !== undefined && pids <= 0 ? -1 : pids,
    blkioWeight: integer('--blkio-weight', flags.blkioWeight),
    blkioReadBps: throttle('--device-read-bps', flags.deviceReadBps, parseSize),
    blkioWriteBps: throttle('--device-write-bps', flags.deviceWriteBps, parseSize),
    blkioReadIops: throttle('--device-read-iops', flags.deviceReadIops, parseInteger),
    blkioWriteIops: throttle('--device-write-iops', flags.deviceWriteIops, parseInteger),
  }
  return Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined))
}

/** As docker's update: -1 takes a limit away, `--cpus 0` and an empty list of cpus or nodes too. */
export function parseResourcesUpdate(flags: ResourceFlags): ResourcesUpdate {
  const given = { ...flags }
  const removed: ResourcesUpdate = {}
  const take = (flag: keyof ResourceFlags, none: readonly string[], ...fields: (keyof ResourcesUpdate)[]) => {
    const value = given[flag]
    if (typeof value !== 'string' || !none.includes(value)) return
    delete given[flag]
    for (const field of fields) removed[field] = null
  }
  take('cpus', ['0', '-1'], 'nanoCpus', 'cpuQuotaUs')
  take('cpuQuota', ['0', '-1'], 'nanoCpus', 'cpuQuotaUs')
  take('cpuShares', ['0'], 'cpuShares')
  take('cpusetCpus', [''], 'cpusetCpus')
  take('cpusetMems', [''], 'cpusetMems')
  take('memory', ['-1', '0'], 'memoryBytes')
  take('memoryReservation', ['-1', '0'], 'memoryReservationBytes')
  take('memorySwappiness', ['-1'], 'memorySwappiness')
  take('blkioWeight', ['0'], 'blkioWeight')
  return { ...parseResources(given), ...removed }
}

function throttle(flag: string, text: string | undefined, rate: (flag: string, text: string) => number) {
  if (text === undefined) return undefined
  const at = text.lastIndexOf(':')
  return [{ device: text.slice(0, at), rate: rate(flag, text.slice(at + 1)) }]
}
