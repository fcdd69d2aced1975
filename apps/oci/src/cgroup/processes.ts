import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import { sleep } from '../sleep.ts'
import { type CgroupFolders, isGone, unifiedFolder } from './folders.ts'
import { isFrozen, setFrozen } from './freezer.ts'

const ROUNDS = 500
const LONGEST_WAIT_MS = 20

/** Pids in the container's group and below it, in our pid namespace. */
export function readProcesses(folders: CgroupFolders): number[] {
  const all = new Set<number>()
  for (const { mount } of folders.hierarchies) collect(join(mount, folders.path), all)
  return [...all].filter((pid) => pid > 0).sort((a, b) => a - b)
}

function collect(dir: string, into: Set<number>): void {
  try {
    for (const pid of readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n')) if (pid) into.add(Number(pid))
    for (const entry of readdirSync(dir, { withFileTypes: true })) if (entry.isDirectory()) collect(join(dir, entry.name), into)
  } catch (error) {
    // A threaded group lists threads only (EOPNOTSUPP); its processes are in the group above.
    if (!isGone(error) && !(error instanceof Error && 'code' in error && error.code === 'EOPNOTSUPP')) throw error
  }
}

export function signalAll(folders: CgroupFolders, signal: number): void {
  for (const pid of readProcesses(folders)) signalIfAlive(pid, signal)
}

export function signalIfAlive(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

/** Until nothing is left. cgroup.kill (5.14) takes all at once; without it they are frozen while each is signalled. */
export function killAll(folders: CgroupFolders): void {
  for (let round = 0; round < ROUNDS; round++) {
    const left = readProcesses(folders)
    if (left.length === 0) return
    if (!killAtOnce(folders) || round > 0) for (const pid of left) signalIfAlive(pid, 9)
    // A frozen process does not even die on v1.
    if (isFrozen(folders)) setFrozen(folders, false)
    sleep(Math.min(1 + round, LONGEST_WAIT_MS))
  }
  throw new GantryError('timeout', `processes in ${folders.path} do not die: they wait for the kernel`)
}

function killAtOnce(folders: CgroupFolders): boolean {
  const dir = unifiedFolder(folders)
  if (!dir) return false
  try {
    writeFileSync(join(dir, 'cgroup.kill'), '1', { flag: 'r+' })
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}
