import { join } from 'node:path'
import { blkio } from './blkio.ts'
import { type Controller, Writes } from './controller.ts'
import { cpu } from './cpu.ts'
import { cpuset } from './cpuset.ts'
import type { HostFacts } from './host-facts.ts'
import { hugetlb } from './hugetlb.ts'
import type { Layout } from './layout.ts'
import type { Level, Limits } from './limits.ts'
import { memory } from './memory.ts'
import { pids } from './pids.ts'

/** In the order of their writes: what may be refused for want of resources comes first. */
const controllers: readonly Controller[] = [cpuset, memory, cpu, pids, hugetlb, blkio]

export interface Translation {
  readonly layout: Layout
  readonly facts: HostFacts
  /** Of the group, below each mount. */
  readonly path: string
  readonly level: Level
  readonly fresh: boolean
  readonly before: Limits
  readonly after: Limits
}

/** Asks every controller that is mounted for its writes. */
export function translate({ layout, facts, path, level, fresh, before, after }: Translation): Writes {
  const writes = new Writes()
  for (const controller of controllers) {
    const at = layout.where[controller.name]
    if (!at) {
      warnOfMissing(controller.name, after, writes)
      continue
    }
    const dir = join(at.mount, path)
    const ancestors: string[] = []
    for (let up = join(dir, '..'); up !== at.mount; up = join(up, '..')) ancestors.push(up)
    const change = { dir, ancestors, mount: at.mount, level, fresh, before, after, facts, writes }
    if (at.version === 1) controller.v1(change)
    else controller.v2(change)
  }
  return writes
}

function warnOfMissing(name: Controller['name'], limits: Limits, writes: Writes): void {
  const asked: Partial<Record<Controller['name'], unknown>> = {
    cpu: limits.cpu ?? limits.cpuShares,
    cpuset: limits.cpusetCpus ?? limits.cpusetMems,
    memory: limits.memoryBytes,
    pids: limits.pids,
    blkio: limits.blkioWeight ?? (Object.values(limits.throttles).some((rates) => rates.length > 0) || undefined),
    hugetlb: Object.keys(limits.hugetlb).length > 0 || undefined,
  }
  if (asked[name] !== undefined) writes.warn(`${name} limits are not kept: the ${name} controller is not mounted on this machine`)
}
