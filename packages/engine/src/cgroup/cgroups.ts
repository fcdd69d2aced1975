import { join, relative } from 'node:path'
import { GantryError, type Resources } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { CgroupRef, Cgroups, EngineConfig } from '../ports.ts'
import { delegateOps, groupOf, groupsBelow } from './delegation.ts'
import { createFreezer } from './freezer.ts'
import { createHostFacts, type HostFacts } from './host-facts.ts'
import { removeIfEmpty, removeInstanceGroups } from './instance-groups.ts'
import { killAll, readProcesses } from './kill.ts'
import { type Layout, readLayout } from './layout.ts'
import { createLimitOps, groupPath } from './limit-ops.ts'
import { containersIn, Parents, removeParents } from './parents.ts'
import { createStatsReader } from './stats.ts'
import { applyUpdate } from './update.ts'

export interface CgroupsOptions {
  readonly config: Pick<EngineConfig, 'instanceId' | 'log'>
  readonly kernel: Pick<Kernel, 'ops'>
  /** Text in the form of /proc/self/mountinfo; the machine's own when absent. */
  readonly mountinfo?: string
  readonly facts?: HostFacts
}

export interface GroupTree extends Cgroups {
  readonly layout: Layout
  /**
   * Says what starting with these resources would run into: throws `invalid_input` for what this machine or project cannot
   * give, returns warnings for what it leaves out. Makes nothing.
   */
  check(projectId: string, resources: Resources): string[]
  /**
   * `updateOps`, carried out: checks current use first, puts the old limits back when the kernel refuses one, and says
   * in words which limit failed and why (`wrong_state` or `invalid_input`). Resolves with warnings.
   */
  update(group: CgroupRef, before: Resources, after: Resources): Promise<string[]>
}

/**
 * Finds the machine's cgroup hierarchies and offers them as one tree `gantry-<instance>/<project>/<container>`.
 * Groups do not survive a reboot: apply `projectOps` of every project when the agent starts. On v1 a project's falling cpu
 * or cpuset limits pull its containers' down; call `updateOps(group, {}, resources)` for them after such a limit rises.
 */
export function createCgroups({ config, kernel, mountinfo, facts = createHostFacts() }: CgroupsOptions): GroupTree {
  const layout = readLayout(mountinfo)
  const root = `gantry-${config.instanceId}`
  const folder = (group: CgroupRef) => groupPath(root, group)
  const dirsOf = (path: string) => layout.hierarchies.map((hierarchy) => join(hierarchy.mount, path))
  const limits = createLimitOps(layout, facts, root)
  const { updateOps } = limits
  const freezer = createFreezer(layout, folder)
  const stats = createStatsReader(layout, facts)
  const parents = new Parents(layout)

  return {
    layout,
    version: layout.version,
    ...limits,
    openParent: (group) => parents.open(join(root, group.projectId), group),
    closeParent: (group) => parents.close(join(root, group.projectId), group),
    delegateOps: (group, uid) => delegateOps(layout, folder(group), uid),
    enterOps: (group, beside) => {
      const path = group.delegated && beside !== undefined ? groupOf(folder(group), beside) : folder(group)
      return dirsOf(path).map((dir) => ['cgroup.enter', join(dir, 'cgroup.procs')] as const)
    },
    update: (group, before, after) => applyUpdate({ layout, kernel, facts, path: folder(group), group, before, after, updateOps }),
    removeOps: (group) => {
      stats.forget(folder(group))
      return dirsOf(folder(group)).flatMap((dir) => {
        const below = group.delegated ? groupsBelow(facts, dir) : []
        return [...below, dir].map((each) => ['rmdir?', each] as const)
      })
    },
    freeze: freezer.freeze,
    thaw: freezer.thaw,
    killAll: (group) => killAll(layout, folder(group), freezer, group),
    processes: async (group) => {
      const below = group.delegated && layout.unified ? groupsBelow(facts, join(layout.unified.mount, folder(group))) : []
      const inside = below.map((dir) => relative(layout.unified?.mount ?? '', dir))
      return [folder(group), ...inside].flatMap((path) => readProcesses(layout, path))
    },
    oomKills: async (group) => stats.oomKills(folder(group)),
    stats: (groups) =>
      stats.read(groups.map((group) => ({ key: group.containerId, path: folder(group), parent: join(root, group.projectId) }))),
    projectStats: (ids) => stats.read(ids.map((id) => ({ key: id, path: join(root, id), parent: root }))),
    list: async () => listGroups(layout, facts, root),
    removeProject: async (projectId) => {
      stats.forget(join(root, projectId))
      for (const dir of dirsOf(join(root, projectId))) removeParents(dir, facts)
      removeProjectGroups(dirsOf(join(root, projectId)), projectId)
      removeInstanceGroups(layout, root)
    },
    path: (group) => `/${folder(group)}`,
  }
}

function removeProjectGroups(dirs: readonly string[], projectId: string): void {
  if (dirs.every(removeIfEmpty)) return
  throw new GantryError('wrong_state', `project ${projectId} still has running containers`, { remedy: 'remove them first' })
}

/** Every container group found in any hierarchy, half-made and half-removed ones included. */
function listGroups(layout: Layout, facts: HostFacts, root: string): CgroupRef[] {
  const found = new Map<string, CgroupRef>()
  for (const { mount } of layout.hierarchies) {
    for (const projectId of facts.children(join(mount, root))) {
      for (const each of containersIn(join(mount, root, projectId), facts)) {
        found.set(`${projectId}${each.parent ?? ''}/${each.containerId}`, { projectId, ...each })
      }
    }
  }
  return [...found.values()]
}
