import { join } from 'node:path'
import { GantryError, type Op, type Resources } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { CgroupRef, Cgroups, EngineConfig } from '../ports.ts'
import { blkio, withProjectRates } from './blkio.ts'
import { checkResources } from './check-resources.ts'
import { type Controller, Writes } from './controller.ts'
import { cpu } from './cpu.ts'
import { cpuset } from './cpuset.ts'
import { deviceOps } from './devices.ts'
import { createFreezer } from './freezer.ts'
import { createHostFacts, type HostFacts } from './host-facts.ts'
import { hugetlb } from './hugetlb.ts'
import { ensureInstanceGroups, removeIfEmpty, removeInstanceGroups } from './instance-groups.ts'
import { type Layout, readLayout } from './layout.ts'
import { type Level, type Limits, limitsOf, unlimited } from './limits.ts'
import { memory } from './memory.ts'
import { killAll, readProcesses } from './kill.ts'
import { pids } from './pids.ts'
import { projectOps } from './project-limits.ts'
import { createStatsReader } from './stats.ts'
import { applyUpdate } from './update.ts'

/** In the order of their writes: what may be refused for want of resources comes first. */
const controllers: readonly Controller[] = [cpuset, memory, cpu, pids, hugetlb, blkio]

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
  const folder = (group: CgroupRef) => join(root, group.projectId, group.containerId)
  const dirsOf = (path: string) => layout.hierarchies.map((hierarchy) => join(hierarchy.mount, path))
  /** What a killed agent left of an earlier start must not lend its limits to this one. */
  const makeAnew = (dirs: readonly string[]): Op[] => {
    // Groups are made and removed in this order, so that a remainder includes the first or the last.
    const remains = [dirs[0], dirs.at(-1)].some((dir) => dir !== undefined && facts.exists(dir))
    return dirs.flatMap((dir): Op[] => [...(remains ? [['rmdir?', dir] as const] : []), ['mkdir', dir, '0755']])
  }
  const first = join(layout.hierarchies[0]?.mount ?? '/', root)
  const ensure = () => {
    if (!facts.exists(first)) ensureInstanceGroups(layout, root, facts)
  }
  const change = (path: string, level: Level, fresh: boolean, before: Limits, after: Limits) =>
    translate({ layout, facts, path, level, fresh, before, after })

  const projectRates = new Map<string, Limits['throttles']>()
  const containerLimits = ({ projectId }: CgroupRef, resources: Resources) => {
    const limits = limitsOf(resources, 'container')
    const rates = layout.where.blkio?.version === 1 ? projectRates.get(projectId) : undefined
    return rates ? withProjectRates(limits, rates, facts) : limits
  }

  const createOps: Cgroups['createOps'] = (group, resources, devices) => {
    ensure()
    checkResources(resources, facts)
    const path = folder(group)
    const limits = change(path, 'container', true, unlimited, containerLimits(group, resources))
    const at = layout.where.devices
    const rules = at ? deviceOps(join(at.mount, path), at.version, devices) : []
    return { ops: [...makeAnew(dirsOf(path)), ...limits.ops, ...rules], warnings: limits.warnings }
  }
  const updateOps: Cgroups['updateOps'] = (group, before, after) => {
    checkResources(after, facts)
    const { ops, warnings } = change(folder(group), 'container', false, limitsOf(before, 'container'), containerLimits(group, after))
    return { ops, warnings }
  }
  const freezer = createFreezer(layout, folder)
  const stats = createStatsReader(layout, facts)

  return {
    layout,
    version: layout.version,
    projectOps: (projectId, resources) => {
      ensure()
      checkResources(resources, facts)
      projectRates.set(projectId, limitsOf(resources, 'project').throttles)
      return projectOps({ layout, facts, path: join(root, projectId), resources }, translate)
    },
    createOps,
    check: (projectId, resources) => createOps({ projectId, containerId: 'check' }, resources, []).warnings,
    enterOps: (group) => dirsOf(folder(group)).map((dir) => ['cgroup.enter', join(dir, 'cgroup.procs')] as const),
    updateOps,
    update: (group, before, after) => applyUpdate({ layout, kernel, facts, path: folder(group), group, before, after, updateOps }),
    removeOps: (group) => {
      stats.forget(folder(group))
      return dirsOf(folder(group)).map((dir) => ['rmdir?', dir] as const)
    },
    freeze: freezer.freeze,
    thaw: freezer.thaw,
    killAll: (group) => killAll(layout, folder(group), freezer, group),
    processes: async (group) => readProcesses(layout, folder(group)),
    oomKills: async (group) => stats.oomKills(folder(group)),
    stats: async (groups) =>
      stats.read(groups.map((group) => ({ key: group.containerId, path: folder(group), parent: join(root, group.projectId) }))),
    projectStats: async (ids) => stats.read(ids.map((id) => ({ key: id, path: join(root, id), parent: root }))),
    list: async () => listGroups(layout, facts, root),
    removeProject: async (projectId) => {
      for (const dir of dirsOf(join(root, projectId))) {
        if (!removeIfEmpty(dir)) {
          throw new GantryError('wrong_state', `project ${projectId} still has running containers`, { remedy: 'remove them first' })
        }
      }
      stats.forget(join(root, projectId))
      removeInstanceGroups(layout, root)
    },
    path: (group) => `/${folder(group)}`,
  }
}

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
function translate({ layout, facts, path, level, fresh, before, after }: Translation): Writes {
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

/** Every container group found in any hierarchy, half-made and half-removed ones included. */
function listGroups(layout: Layout, facts: HostFacts, root: string): CgroupRef[] {
  const found = new Map<string, CgroupRef>()
  for (const { mount } of layout.hierarchies) {
    for (const projectId of facts.children(join(mount, root))) {
      for (const containerId of facts.children(join(mount, root, projectId))) {
        found.set(`${projectId}/${containerId}`, { projectId, containerId })
      }
    }
  }
  return [...found.values()]
}
