import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { Change, Controller } from './controller.ts'
import { isSubset, parseNumberList } from './number-list.ts'

type Half = 'cpus' | 'mems'

/** Which cpus and memory nodes; cpuset(7), and on v2 Documentation/admin-guide/cgroup-v2.rst. */
export const cpuset: Controller = {
  name: 'cpuset',
  v1(change) {
    for (const half of ['cpus', 'mems'] as const) {
      const wanted = listOf(change.after, half)
      if (wanted === listOf(change.before, half)) continue
      check(change, half, wanted)
      // A new group has its parent's lists already: the instance's group has cgroup.clone_children set.
      const inherited = change.facts.read(join(change.ancestors[0] ?? change.mount, `cpuset.${half}`)) ?? ''
      change.writes.write(join(change.dir, `cpuset.${half}`), wanted ?? inherited)
    }
  },
  v2(change) {
    for (const half of ['cpus', 'mems'] as const) {
      const wanted = listOf(change.after, half)
      if (wanted === listOf(change.before, half)) continue
      check(change, half, wanted)
      // An empty list would follow the parent, but the kernel takes one only while the group has no processes (ENOSPC).
      const parents = change.facts.read(join(change.dir, '..', `cpuset.${half}.effective`))
      change.writes.write(join(change.dir, `cpuset.${half}`), wanted ?? (parents || '\n'))
    }
  },
}

function listOf(limits: Change['after'], half: Half): string | undefined {
  return half === 'cpus' ? limits.cpusetCpus : limits.cpusetMems
}

/** Against what the groups above may use, so that the refusal is in words and not EACCES. That the machine has them is known. */
function check(change: Change, half: Half, wanted: string | undefined): void {
  if (wanted === undefined) return
  const numbers = parseNumberList(wanted)
  for (const group of change.ancestors) {
    const allowed = effective(change, group, half)
    if (!allowed || isSubset(numbers, parseNumberList(allowed))) continue
    const field = half === 'cpus' ? 'cpusetCpus' : 'cpusetMems'
    const noun = half === 'cpus' ? 'cpus' : 'memory nodes'
    throw new GantryError('invalid_input', `${field} ${wanted}: this project has ${noun} ${allowed}`, {
      field: `resources.${field}`,
      value: wanted,
      limit: allowed,
      remedy: `choose from ${allowed}`,
    })
  }
}

function effective({ facts }: Change, group: string, half: Half): string {
  return facts.read(join(group, `cpuset.${half}.effective`)) || facts.read(join(group, `cpuset.${half}`)) || ''
}
