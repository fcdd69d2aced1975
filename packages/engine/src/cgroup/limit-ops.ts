import { join } from 'node:path'
import type { Op, Resources } from '@gantry/contracts'
import type { CgroupRef, Cgroups } from '../ports.ts'
import { withProjectRates } from './blkio.ts'
import { checkResources } from './check-resources.ts'
import { deviceOps } from './devices.ts'
import type { HostFacts } from './host-facts.ts'
import { ensureInstanceGroups } from './instance-groups.ts'
import type { Layout } from './layout.ts'
import { type Level, type Limits, limitsOf, unlimited } from './limits.ts'
import { parentPath } from './parents.ts'
import { projectOps } from './project-limits.ts'
import { translate } from './translate.ts'

export interface LimitOps extends Pick<Cgroups, 'projectOps' | 'createOps' | 'updateOps'> {
  check(projectId: string, resources: Resources): string[]
}

/**
 * From resources to host operations, for the groups below `root`. Reads the machine's facts and the groups' present state;
 * the only thing made here is the instance's own group.
 */
export function createLimitOps(layout: Layout, facts: HostFacts, root: string): LimitOps {
  const projectRates = new Map<string, Limits['throttles']>()
  const prepare = (resources: Resources, level: Level) => {
    const first = join(layout.hierarchies[0]?.mount ?? '/', root)
    if (!facts.exists(first)) ensureInstanceGroups(layout, root, facts)
    checkResources(resources, facts, level)
  }
  const containerLimits = ({ projectId }: CgroupRef, resources: Resources) => {
    const limits = limitsOf(resources, 'container')
    const rates = layout.where.blkio?.version === 1 ? projectRates.get(projectId) : undefined
    return rates ? withProjectRates(limits, rates, facts) : limits
  }
  const containerOf = (group: CgroupRef) => {
    return { layout, facts, path: groupPath(root, group), level: 'container' } as const
  }
  const createOps: Cgroups['createOps'] = (group, resources, devices) => {
    prepare(resources, 'container')
    const container = containerOf(group)
    const limits = translate({ ...container, fresh: true, before: unlimited, after: containerLimits(group, resources) })
    const at = layout.where.devices
    const rules = at ? deviceOps(join(at.mount, container.path), at.version, devices) : []
    return { ops: [...makeAnew(layout, facts, container.path), ...limits.ops, ...rules], warnings: limits.warnings }
  }
  return {
    projectOps(projectId, resources) {
      prepare(resources, 'project')
      projectRates.set(projectId, limitsOf(resources, 'project').throttles)
      return projectOps({ layout, facts, path: join(root, projectId), resources })
    },
    createOps,
    check: (projectId, resources) => createOps({ projectId, containerId: 'check' }, resources, []).warnings,
    updateOps(group, before, after) {
      checkResources(after, facts)
      const change = { before: limitsOf(before, 'container'), after: containerLimits(group, after) }
      const { ops, warnings } = translate({ ...containerOf(group), fresh: false, ...change })
      return { ops, warnings }
    },
  }
}

/** Of a container's group, below each mount. */
export function groupPath(root: string, { projectId, containerId, parent }: CgroupRef): string {
  return join(root, projectId, parentPath(parent), containerId)
}

/** What a killed agent left of an earlier start must not lend its limits to this one. */
function makeAnew(layout: Layout, facts: HostFacts, path: string): Op[] {
  const dirs = layout.hierarchies.map(({ mount }) => join(mount, path))
  // Groups are made and removed in this order, so that a remainder includes the first or the last.
  const remains = [dirs[0], dirs.at(-1)].some((dir) => dir !== undefined && facts.exists(dir))
  return dirs.flatMap((dir): Op[] => [...(remains ? [['rmdir?', dir] as const] : []), ['mkdir', dir, '0755']])
}
