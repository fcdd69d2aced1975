import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { TestAgent } from './test-agent.ts'

/** What an instance has in the kernel and on the disk, in numbers. Two equal answers: nothing was left in between. */
export interface KernelCounts {
  readonly mounts: number
  readonly links: number
  readonly cgroups: number
  readonly firewallElements: number
  readonly namespaces: number
  readonly descriptors: number
  readonly files: number
  readonly processes: number
}

/** The counts, once two looks in a row agree: the network refills its warm sandboxes in the background. */
export async function settledCounts(agent: TestAgent): Promise<KernelCounts> {
  let last = kernelCounts(agent)
  for (let attempt = 0; attempt < 100; attempt++) {
    await setTimeout(200)
    const now = kernelCounts(agent)
    if (JSON.stringify(now) === JSON.stringify(last)) return now
    last = now
  }
  throw new Error(`the counts do not settle: ${JSON.stringify(last)}`)
}

/**
 * Counts what carries the instance's name, or belongs to its processes.
 */
function kernelCounts(agent: TestAgent): KernelCounts {
  const instance = createHash('sha256').update(realpathSync(agent.dataDir)).digest('hex').slice(0, 4)
  const processes = instanceProcesses(agent)
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(agent.dataDir) || line.includes(agent.runDir)).length,
    links: readdirSync('/sys/class/net').filter((name) => name.startsWith(`gv${instance}`)).length,
    cgroups: countGroups(`gantry-${instance}`),
    firewallElements: firewallElements(instance),
    namespaces: namespaces(processes),
    descriptors: processes.reduce((sum, pid) => sum + descriptors(pid), 0),
    files:
      countFiles(join(agent.dataDir, 'containers')) +
      countFiles(join(agent.dataDir, 'overlay2', 'containers')) +
      countFiles(join(agent.dataDir, 'volumes')) +
      countFiles(agent.runDir),
    processes: processes.length,
  }
}

/** The agent, its launcher, monitors and containers: found by the agent's run or data folder in the command line, or by descent. */
function instanceProcesses(agent: TestAgent): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readText(`/proc/${name}/stat`)
    if (stat) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const own = new Set([agent.pid])
  for (let grown = true; grown; ) {
    grown = false
    for (const [pid, parent] of parents) {
      if (own.has(parent) && !own.has(pid)) {
        own.add(pid)
        grown = true
      }
    }
  }
  return [...own]
}

function countGroups(root: string): number {
  let count = 0
  for (const controller of ['.', 'unified', ...readdirSync('/sys/fs/cgroup')]) {
    const folder = join('/sys/fs/cgroup', controller, root)
    count += countFolders(folder)
  }
  return count
}

function countFolders(folder: string): number {
  let count = 0
  for (const entry of entries(folder)) if (entry.isDirectory()) count += 1 + countFolders(join(folder, entry.name))
  return count
}

function countFiles(folder: string): number {
  let count = 0
  for (const entry of entries(folder)) count += entry.isDirectory() ? 1 + countFiles(join(folder, entry.name)) : 1
  return count
}

function entries(folder: string) {
  try {
    return lstatSync(folder).isDirectory() ? readdirSync(folder, { withFileTypes: true }) : []
  } catch {
    return []
  }
}

function firewallElements(instance: string): number {
  try {
    return execFileSync('nft', ['list', 'table', 'inet', `gantry_${instance}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).split('\n').length
  } catch {
    return 0
  }
}

function namespaces(processes: readonly number[]): number {
  const found = new Set<string>()
  for (const pid of processes) {
    for (const type of ['mnt', 'pid', 'net', 'ipc', 'uts', 'user', 'cgroup']) {
      const link = readLink(`/proc/${pid}/ns/${type}`)
      if (link) found.add(link)
    }
  }
  return found.size
}

function descriptors(pid: number): number {
  return entries(`/proc/${pid}/fd`).length
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
