import type { Resources } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { CgroupRef, Cgroups, EngineConfig } from '../ports.ts'

export interface CgroupsOptions {
  readonly config: Pick<EngineConfig, 'instanceId' | 'log'>
  readonly kernel: Pick<Kernel, 'ops'>
  /** Text in the form of /proc/self/mountinfo; the machine's own when absent. */
  readonly mountinfo?: string
}

export interface GroupTree extends Cgroups {
  /**
   * `updateOps`, carried out: checks current use first, puts the old limits back when the kernel refuses one, and says
   * in words which limit failed and why (`wrong_state` or `invalid_input`). Resolves with warnings.
   */
  update(group: CgroupRef, before: Resources, after: Resources): Promise<string[]>
}

/**
 * Finds the machine's cgroup hierarchies and offers them as one tree `gantry-<instance>/<project>/<container>`.
 * Project groups do not survive a reboot: apply `projectOps` of every project when the agent starts.
 */
export function createCgroups(_options: CgroupsOptions): GroupTree {
  throw new GantryError('unsupported', 'cgroups are not available yet')
}
