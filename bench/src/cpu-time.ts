import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
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

/** Makes a group for processes to be measured, with everything they will start. */
export function cpuMeter(name: string): CpuMeter {
  const folder = join(existsSync(join(v1, 'cpuacct.usage')) ? v1 : v2, name)
  mkdirSync(folder, { recursive: true })
  return {
    add: (pid) => writeFileSync(join(folder, 'cgroup.procs'), String(pid)),
    readMs: () => groupCpuMs(name),
    async remove() {
      while (existsSync(folder)) {
        try {
          rmdirSync(folder)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    },
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
