import { basename, join } from 'node:path'
import type { Op, Resources } from '@gantry/contracts'
import { readRateV1 } from './cpu.ts'
import type { HostFacts } from './host-facts.ts'
import type { Layout } from './layout.ts'
import { subtreeControl } from './instance-groups.ts'
import { type Limits, limitsOf, unlimited } from './limits.ts'
import { formatNumberList, isSubset, parseNumberList } from './number-list.ts'
import { isParent } from './parents.ts'
import { parseLimit } from './parse.ts'
import { translate } from './translate.ts'

export interface ProjectRequest {
  readonly layout: Layout
  readonly facts: HostFacts
  /** Of the project's group, below each mount. */
  readonly path: string
  readonly resources: Resources
}

/** Makes the project's group in every hierarchy, or brings it to these limits whatever they were. */
export function projectOps({ layout, facts, path, resources }: ProjectRequest): Op[] {
  const existed = layout.hierarchies.some(({ mount }) => facts.exists(join(mount, path)))
  const after = limitsOf(resources, 'project')
  const before = existed ? formerLimits(layout, facts, path, after) : unlimited
  const lowered = existed ? lowerProjectV1(layout, facts, path, after) : []
  const writes = translate({ layout, facts, path, level: 'project', fresh: !existed, before, after })
  const made = layout.hierarchies.flatMap(({ mount, enable }): Op[] => {
    const dir = join(mount, path)
    const open: Op[] = enable.length > 0 ? [['write', join(dir, 'cgroup.subtree_control'), subtreeControl(enable)]] : []
    return [['mkdir?', dir, '0755'], ...open]
  })
  return [...made, ...lowered, ...writes.ops]
}

/**
 * The caller does not say what a project's limits were: make each differ, so that it is stated anew or lifted. Memory is
 * read, as the order of its two writes hangs on the old values; rates per disk are always compared with the kernel's.
 */
function formerLimits(layout: Layout, facts: HostFacts, path: string, after: Limits): Limits {
  const other = <T>(now: T | undefined, something: T): T | undefined => (now === undefined ? something : undefined)
  const memory = layout.where.memory
  const read = (file: string) => (memory ? parseLimit(facts.read(join(memory.mount, path, file))) || undefined : undefined)
  const v1 = memory?.version === 1
  return {
    ...after,
    cpuShares: other(after.cpuShares, -1),
    cpu: other(after.cpu, { quotaUs: -1, periodUs: -1 }),
    cpuBurstUs: undefined,
    cpuRt: undefined,
    cpusetCpus: other(after.cpusetCpus, ''),
    cpusetMems: other(after.cpusetMems, ''),
    memoryBytes: read(v1 ? 'memory.limit_in_bytes' : 'memory.max'),
    memorySwapBytes: v1 ? read('memory.memsw.limit_in_bytes') : other(after.memorySwapBytes, -1),
    memoryReservationBytes: other(after.memoryReservationBytes, -1),
    pids: other(after.pids, -1),
    blkioWeightDevices: [],
    throttles: unlimited.throttles,
    hugetlb: {},
  }
}

/**
 * v1 refuses to take cpus or cpu time from a group while a child has more (EBUSY, EINVAL): the children go first.
 * v2 needs none of this, there a child simply gets what its parent has.
 */
function lowerProjectV1(layout: Layout, facts: HostFacts, path: string, after: Limits): Op[] {
  return [...lowerCpuTime(layout, facts, path, after), ...lowerCpuset(layout, facts, path, after)]
}

function lowerCpuTime(layout: Layout, facts: HostFacts, path: string, { cpu }: Limits): Op[] {
  const at = layout.where.cpu
  if (at?.version !== 1 || !cpu) return []
  return childrenFirst(facts, join(at.mount, path)).flatMap((dir): Op[] => {
    const rate = readRateV1(facts.read, dir)
    if (!Number.isFinite(rate) || rate <= cpu.quotaUs / cpu.periodUs) return []
    const periodUs = Number(facts.read(join(dir, 'cpu.cfs_period_us')) ?? cpu.periodUs)
    return [['write?', join(dir, 'cpu.cfs_quota_us'), String(Math.max(1000, Math.floor((cpu.quotaUs * periodUs) / cpu.periodUs)))]]
  })
}

/** Widens the project to old and new together, moves the children inside the new, and leaves narrowing it to the caller's write. */
function lowerCpuset(layout: Layout, facts: HostFacts, path: string, after: Limits): Op[] {
  const at = layout.where.cpuset
  if (at?.version !== 1) return []
  const project = join(at.mount, path)
  return (['cpus', 'mems'] as const).flatMap((half): Op[] => {
    const file = `cpuset.${half}`
    const wanted = half === 'cpus' ? after.cpusetCpus : after.cpusetMems
    const parents = facts.read(join(project, '..', file)) ?? ''
    const now = parseNumberList(wanted ?? parents)
    const old = parseNumberList(facts.read(join(project, file)) ?? '')
    const groups = childrenFirst(facts, project)
    // A group between has what its project has: it widens and narrows with it, around what is in it.
    const between = groups.filter((dir) => isParent(basename(dir)))
    const widened = between.toReversed().map((dir): Op => ['write?', join(dir, file), formatNumberList(new Set([...old, ...now]))])
    const children = groups.flatMap((dir): Op[] => {
      if (between.includes(dir)) return [['write?', join(dir, file), formatNumberList(now)]]
      const own = parseNumberList(facts.read(join(dir, file)) ?? '')
      const shared = [...own].filter((n) => now.has(n))
      const followed = own.size === old.size && isSubset(own, old)
      const next = followed || shared.length === 0 ? now : shared
      return [['write?', join(dir, file), formatNumberList(next)]]
    })
    if (children.length === 0) return []
    return [['write', join(project, file), formatNumberList(new Set([...old, ...now]))], ...widened, ...children]
  })
}

/** Every group below this one, each after those below it. */
function childrenFirst(facts: HostFacts, dir: string): string[] {
  return facts.children(dir).flatMap((name) => {
    const path = join(dir, name)
    return isParent(name) ? [...childrenFirst(facts, path), path] : [path]
  })
}
