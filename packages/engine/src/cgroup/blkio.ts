import { join } from 'node:path'
import type { Change, Controller } from './controller.ts'
import type { HostFacts } from './host-facts.ts'
import type { Limits, ThrottleKind } from './limits.ts'

interface Kind {
  readonly kind: ThrottleKind
  readonly v1: string
  readonly v2: string
}
const kinds: readonly Kind[] = [
  { kind: 'readBps', v1: 'blkio.throttle.read_bps_device', v2: 'rbps' },
  { kind: 'writeBps', v1: 'blkio.throttle.write_bps_device', v2: 'wbps' },
  { kind: 'readIops', v1: 'blkio.throttle.read_iops_device', v2: 'riops' },
  { kind: 'writeIops', v1: 'blkio.throttle.write_iops_device', v2: 'wiops' },
]
const DEFAULT_WEIGHT_V1 = 500
const DEFAULT_BFQ_WEIGHT = 100

/**
 * Disk weights and rates; Documentation/admin-guide/cgroup-v1/blkio-controller.rst and cgroup-v2.rst.
 * Weights need the BFQ scheduler (v1 lost its own with CFQ in 5.0); without it they are dropped with a warning, as docker does.
 */
export const blkio: Controller = {
  name: 'blkio',
  v1(change) {
    weights(change, ['blkio.weight', 'blkio.bfq.weight'], ['blkio.weight_device', 'blkio.bfq.weight_device'])
    for (const kind of kinds) {
      for (const [disk, rate] of changedRates(change, kind)) change.writes.write(join(change.dir, kind.v1), `${disk} ${rate ?? 0}`)
    }
  },
  v2(change) {
    weights(change, ['io.bfq.weight'], ['io.bfq.weight', 'io.weight'])
    for (const kind of kinds) {
      for (const [disk, rate] of changedRates(change, kind))
        change.writes.write(join(change.dir, 'io.max'), `${disk} ${kind.v2}=${rate ?? 'max'}`)
    }
  },
}

/** Disks whose rate differs from what the kernel has now, with the new rate; undefined lifts it. */
function changedRates(change: Change, kind: Kind): Map<string, number | undefined> {
  const old = change.fresh ? new Map<string, number>() : presentRates(change, kind)
  const now = new Map(change.after.throttles[kind.kind].map(({ device, rate }) => [change.facts.disk(device), rate]))
  const changes = new Map<string, number | undefined>()
  for (const disk of old.keys()) if (!now.has(disk)) changes.set(disk, undefined)
  for (const [disk, rate] of now) if (old.get(disk) !== rate) changes.set(disk, rate)
  return changes
}

/** v1: `254:0 1048576` lines; v2: `254:0 rbps=1048576 wbps=max riops=max wiops=max`. */
function presentRates({ dir, facts }: Change, kind: Kind): Map<string, number> {
  const [file, pattern] = facts.exists(join(dir, 'io.max'))
    ? ['io.max', new RegExp(`^(\\d+:\\d+) .*\\b${kind.v2}=(\\d+)`, 'gm')]
    : [kind.v1, /^(\d+:\d+) (\d+)$/gm]
  const lines = (facts.read(join(dir, file)) ?? '').matchAll(pattern)
  return new Map([...lines].map(([, disk = '', rate]) => [disk, Number(rate)]))
}

/**
 * On v1 each group's rates stand alone: a project's would bind nobody. So each of its containers gets them, where its own are
 * not less. The sum is not held, which only v2 can.
 */
export function withProjectRates(own: Limits, project: Limits['throttles'], facts: HostFacts): Limits {
  const lesser = (kind: ThrottleKind) => {
    const rates = new Map(own.throttles[kind].map(({ device, rate }) => [facts.disk(device), rate]))
    for (const { device, rate } of project[kind]) {
      const disk = facts.disk(device)
      rates.set(disk, Math.min(rate, rates.get(disk) ?? rate))
    }
    return [...rates].map(([device, rate]) => ({ device, rate }))
  }
  const throttles = {
    readBps: lesser('readBps'),
    writeBps: lesser('writeBps'),
    readIops: lesser('readIops'),
    writeIops: lesser('writeIops'),
  }
  return { ...own, throttles }
}

function weights(change: Change, weightFiles: readonly string[], deviceFiles: readonly string[]): void {
  const { dir, ancestors, before, after, facts, writes } = change
  const present = (names: readonly string[]) => names.find((name) => facts.exists(join(ancestors[0] ?? dir, name)))
  const noWeights = 'blkio weights are not kept: this kernel offers none here (they need the BFQ scheduler)'
  if (before.blkioWeight !== after.blkioWeight) {
    const file = present(weightFiles)
    const plain = file === undefined ? present(['io.weight']) : undefined
    if (file) writes.write(join(dir, file), after.blkioWeight ?? (file.includes('bfq') ? DEFAULT_BFQ_WEIGHT : DEFAULT_WEIGHT_V1))
    else if (plain) writes.write(join(dir, plain), `default ${after.blkioWeight ? ioWeight(after.blkioWeight) : 100}`)
    else writes.warn(noWeights)
  }
  const old = new Map(before.blkioWeightDevices.map(({ device, weight }) => [facts.disk(device), weight]))
  const now = new Map(after.blkioWeightDevices.map(({ device, weight }) => [facts.disk(device), weight]))
  for (const disk of new Set([...old.keys(), ...now.keys()])) {
    const weight = now.get(disk)
    if (old.get(disk) === weight) continue
    const file = present(deviceFiles)
    if (!file) writes.warn(noWeights)
    else if (file === 'io.weight') writes.write(join(dir, file), `${disk} ${weight ? ioWeight(weight) : 'default'}`)
    else writes.write(join(dir, file), `${disk} ${weight ?? (file.includes('bfq') ? 'default' : 0)}`)
  }
}

/** blkio weight (10..1000) to io.weight (1..10000), as runc does. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990)
}
