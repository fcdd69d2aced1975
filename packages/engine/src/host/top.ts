import { GantryError } from '@gantry/contracts'
import type { CgroupRef, Cgroups } from '../ports.ts'

export interface ProcessTable {
  readonly titles: string[]
  readonly processes: string[][]
}

/** Processes of a container in the shape of `docker top` (ps -ef). Found by cgroup; by descent from `initPid` when the group is gone. */
export async function top(_cgroups: Pick<Cgroups, 'processes'>, _group: CgroupRef, _initPid: number): Promise<ProcessTable> {
  throw new GantryError('unsupported', 'process lists are not available yet')
}
