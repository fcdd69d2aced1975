import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { GantryError } from '@gantry/contracts'
import type { CgroupRef } from '../ports.ts'
import type { Freezer } from './freezer.ts'
import { isGone } from './host-facts.ts'
import { removeIfEmpty } from './instance-groups.ts'
import type { Hierarchy, Layout } from './layout.ts'

/** Rounds of SIGKILL before giving up, 1 to 20 ms apart: about 30 s. */
const KILL_ROUNDS = 1500
const LONGEST_WAIT_MS = 20

/** Host pids in the group; [] when it is not there. */
export function readProcesses(layout: Layout, path: string): number[] {
  const at = layout.unified ?? layout.where.pids ?? layout.hierarchies[0]
  return at ? readGroup(at, path) : []
}

/**
 * cgroup.kill (5.14) takes the whole group at once. Without it the group is frozen while every process is signalled, so that
 * none can fork away; it must then thaw, a frozen process does not even die. Afterwards the groups can be removed.
 */
export async function killAll(layout: Layout, path: string, freezer: Freezer, group: CgroupRef): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS; round++) {
    // A process that failed half-way through entering is in some hierarchies only.
    const left = new Set(layout.hierarchies.flatMap((hierarchy) => readGroup(hierarchy, path)))
    if (left.size === 0 && isVacant(layout, path)) return
    if (!killAtOnce(layout, path) || round > 0) {
      freezer.hold(group)
      for (const pid of left) signalIfAlive(pid)
    }
    freezer.release(group)
    await delay(Math.min(1 + round, LONGEST_WAIT_MS))
  }
  throw new GantryError('timeout', `processes of ${group.containerId.slice(0, 12)} do not die: they wait for the kernel`, {
    remedy: 'look at their state in /proc (D is waiting for a disk or network file system)',
  })
}

/**
 * A process on its last steps is in no list any more, yet its group cannot be removed. cgroup2 says so; v1 tells only whoever
 * tries, which the freezer's group can bear best: it has nothing to remember of the dead.
 */
function isVacant({ unified, where }: Layout, path: string): boolean {
  if (!unified) return !where.freezer || removeIfEmpty(join(where.freezer.mount, path))
  try {
    return /^populated 0$/m.test(readFileSync(join(unified.mount, path, 'cgroup.events'), 'utf8'))
  } catch (error) {
    if (isGone(error)) return true
    throw error
  }
}

function readGroup({ mount }: Hierarchy, path: string): number[] {
  try {
    return readFileSync(join(mount, path, 'cgroup.procs'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map(Number)
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

function killAtOnce(layout: Layout, path: string): boolean {
  if (!layout.unified) return false
  try {
    writeFileSync(join(layout.unified.mount, path, 'cgroup.kill'), '1', { flag: 'r+' })
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

/** A pid of 0 is a process that our pid namespace does not show: there is nothing to signal it by. */
function signalIfAlive(pid: number): void {
  if (pid === 0) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
