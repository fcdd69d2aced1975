import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A cgroup whose whole cpu time, that of ended processes and of groups below included, can be read. */
export interface CpuMeter {
  add(pid: number): void
  /** Milliseconds so far. */
  readMs(): number
  /** Waits until what was in it has ended. */
  remove(): Promise<void>
}

const v1 = '/sys/fs/cgroup/cpuacct'
const v2 = '/sys/fs/cgroup'

/** Milliseconds a group (path below the hierarchy) has used; 0 while there is no such group. */
export function groupCpuMs(group: string): number {
  const v1File = join(v1, group, 'cpuacct.usage')
  if (existsSync(v1File)) return Number(readFileSync(v1File, 'utf8')) / 1e6
  const v2File = join(v2, group, 'cpu.stat')
  if (!existsSync(v2File)) return 0
  return Number(/^usage_usec (\d+)/m.exec(readFileSync(v2File, 'utf8'))?.[1] ?? 0) / 1000
}

/**
 * Makes a group for processes to be measured, with everything they will start. They are in a group `own` below it, so that
 * there may be further groups beside, for containers.
 */
export function cpuMeter(name: string): CpuMeter {
  const own = join(existsSync(join(v1, 'cpuacct.usage')) ? v1 : v2, name, 'own')
  mkdirSync(own, { recursive: true })
  return {
    add: (pid) => writeFileSync(join(own, 'cgroup.procs'), String(pid)),
    readMs: () => groupCpuMs(name),
    async remove() {
      // An engine makes its containers' groups in every hierarchy.
      for (const folder of [v2, ...readdirSync(v2).map((hierarchy) => join(v2, hierarchy))]) {
        while (!removeGroups(join(folder, name))) await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  }
}

/** Removes a group and those below; false while there are still processes in one. */
function removeGroups(folder: string): boolean {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return true
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  if (!below.every(({ name }) => removeGroups(join(folder, name)))) return false
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    return false
  }
}

/** Proportional set size of processes, in MiB: shared pages count by their share, so that sums mean something. */
export function pssMiB(pids: readonly number[]): number {
  let kiB = 0
  for (const pid of pids) {
    try {
      kiB += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
    } catch {
      // It ended meanwhile.
    }
  }
  return kiB / 1024
}

/** The processes whose command line or cgroup holds `text`. */
export function processesOf(test: (pid: number, commandLine: string, cgroups: string) => boolean): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return test(pid, readFileSync(`/proc/${pid}/cmdline`, 'utf8'), readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
      } catch {
        return false
      }
    })
}
