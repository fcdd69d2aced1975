import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HostFacts } from './host-facts.ts'
import { isGone } from './host-facts.ts'
import type { Hierarchy, Layout } from './layout.ts'

/** A group of the unified tree that holds nothing but what was in the root of a delegated tree. */
const LEAF = 'gantry-agent'

/**
 * Makes the instance's own group in every hierarchy, ready for children. Idempotent.
 * Done by the agent itself: the files that exist in this group tell which features the kernel has.
 */
export function ensureInstanceGroups(layout: Layout, name: string, facts: HostFacts): void {
  // Backwards, so that the first one's presence says that all are there.
  for (const hierarchy of layout.hierarchies.toReversed()) {
    const dir = join(hierarchy.mount, name)
    if (existsSync(dir)) continue
    if (hierarchy.version === 2) openUnified(hierarchy)
    mkdirSync(dir, { mode: 0o755 })
    if (hierarchy.version === 2) enableControllers(dir, hierarchy.enable)
    else {
      inheritV1(hierarchy, dir, facts)
      if (hierarchy.controllers.includes('blkio')) countDisksV1(dir, facts)
    }
  }
}

/** Removes the instance's groups that have no children. */
export function removeInstanceGroups(layout: Layout, name: string): void {
  for (const hierarchy of layout.hierarchies) removeIfEmpty(join(hierarchy.mount, name))
}

/** True when the folder is gone afterwards; false while it has processes or children. */
export function removeIfEmpty(dir: string): boolean {
  try {
    rmdirSync(dir)
    return true
  } catch (error) {
    if (isGone(error)) return true
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false
    throw error
  }
}

/** Lets the children of a v2 group be limited by these controllers. */
export function enableControllers(dir: string, names: readonly string[]): void {
  if (names.length > 0) writeFileSync(join(dir, 'cgroup.subtree_control'), subtreeControl(names))
}

export function subtreeControl(names: readonly string[]): string {
  return names.map((name) => `+${name}`).join(' ')
}

/**
 * The kernel refuses to hand controllers down from a group that has processes ("no internal processes"), the real root
 * excepted. Where the tree is a delegated part (we run inside a container), what is in its root moves to a leaf first.
 */
function openUnified({ mount, enable }: Hierarchy): void {
  if (enable.length === 0) return
  const enabled = readFileSync(join(mount, 'cgroup.subtree_control'), 'utf8').split(/\s+/)
  const missing = enable.filter((name) => !enabled.includes(name))
  if (missing.length === 0) return
  const isRealRoot = !existsSync(join(mount, 'cgroup.type'))
  if (!isRealRoot) {
    const leaf = join(mount, LEAF)
    if (!existsSync(leaf)) mkdirSync(leaf)
    for (const pid of readFileSync(join(mount, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) moveIfAlive(leaf, pid)
  }
  enableControllers(mount, missing)
}

function moveIfAlive(group: string, pid: string): void {
  try {
    writeFileSync(join(group, 'cgroup.procs'), pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Any rate that no disk reaches. */
const NO_DISK_IS_SO_FAST = 2 ** 40

/**
 * From 6.10 on the v1 files count nothing on a disk until the first limit for it is set anywhere; from then on it is counted for
 * good (block/blk-throttle.c, blk_throtl_activated). So one is set and lifted at once.
 */
function countDisksV1(dir: string, facts: HostFacts): void {
  const file = join(dir, 'blkio.throttle.write_bps_device')
  if (!existsSync(file)) return
  for (const disk of facts.disks()) {
    try {
      writeFileSync(file, `${disk} ${NO_DISK_IS_SO_FAST}`)
      writeFileSync(file, `${disk} 0`)
    } catch (error) {
      // A drive without a medium has no queue to limit.
      if (!['ENODEV', 'ENXIO', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}

/** A fresh v1 cpuset is empty and takes no process; with clone_children each new group starts as its parent is. */
function inheritV1({ mount, controllers }: Hierarchy, dir: string, facts: HostFacts): void {
  if (controllers.includes('cpuset')) {
    for (const file of ['cpuset.cpus', 'cpuset.mems']) writeFileSync(join(dir, file), facts.read(join(mount, file)) ?? '')
    writeFileSync(join(dir, 'cgroup.clone_children'), '1')
  }
  // Kernels before 5.11 let children escape their parent's limit unless told so; later ones know no other way.
  if (controllers.includes('memory') && existsSync(join(dir, 'memory.use_hierarchy'))) {
    writeFileSync(join(dir, 'memory.use_hierarchy'), '1')
  }
}
