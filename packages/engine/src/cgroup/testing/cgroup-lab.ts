import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Resources } from '@gantry/contracts'
import { createLauncher } from '../../kernel/launcher.ts'
import type { CgroupRef, DeviceRule } from '../../ports.ts'
import { createCgroups, type GroupTree } from '../cgroups.ts'
import { readLayout } from '../layout.ts'

/** A process in a group. */
export interface Member {
  readonly pid: number
  readonly process: ChildProcess
  readonly exit: Promise<{ code: number | null; signal: string | null; output: string }>
}

/** A tree of its own on the machine's real cgroups, for root tests. Disposing kills, removes, and checks that nothing is left. */
export interface CgroupLab extends AsyncDisposable {
  readonly tree: GroupTree
  readonly project: string
  applyProject(resources: Resources): Promise<void>
  /** Makes a container's group. */
  make(name: string, resources?: Resources, devices?: readonly DeviceRule[]): Promise<{ group: CgroupRef; warnings: string[] }>
  /** Runs a shell script inside a group: it has entered before the first command. */
  run(group: CgroupRef, script: string): Member
  /** Content of the first of these files that the group has, '' when it has none. */
  read(group: CgroupRef | null, ...files: string[]): string
  ops: (ops: Parameters<ReturnType<typeof createLauncher>['ops']>[0]) => Promise<string[]>
}

const nativeDir = join(import.meta.dirname, '../../../../../native/build')
/** Writes 0, "myself", into every file named before `--`, then becomes the shell script behind it. */
const ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 99; shift; done; exec sh -c "$2"'

/** @param mountinfo pretends that only these hierarchies are mounted */
export async function cgroupLab(resources: Resources = {}, mountinfo?: string): Promise<CgroupLab> {
  const kernel = createLauncher({ nativeDir })
  const instanceId = randomBytes(2).toString('hex')
  const tree = createCgroups({ config: { instanceId, log: () => undefined }, kernel, mountinfo })
  const project = 'lab'
  const groups: CgroupRef[] = []
  const applyProject = async (limits: Resources) => {
    await kernel.ops(tree.projectOps(project, limits))
  }
  await applyProject(resources)
  const mounts = readLayout(mountinfo).hierarchies.map(({ mount }) => mount)

  return {
    tree,
    project,
    applyProject,
    ops: (ops) => kernel.ops(ops),
    async make(name, limits = {}, devices = []) {
      const group = { projectId: project, containerId: name }
      const { ops, warnings } = tree.createOps(group, limits, devices)
      groups.push(group)
      await kernel.ops(ops)
      return { group, warnings }
    },
    run: (group, script) =>
      runInside(
        tree.enterOps(group).map(([, path = '']) => path),
        script,
      ),
    read(group, ...files) {
      const path = join(`gantry-${instanceId}`, project, group?.containerId ?? '')
      const found = mounts.flatMap((mount) => files.map((file) => join(mount, path, file))).find((file) => existsSync(file))
      return found ? readFileSync(found, 'utf8').trim() : ''
    },
    async [Symbol.asyncDispose]() {
      for (const group of groups) {
        await tree.killAll(group)
        await kernel.ops(tree.removeOps(group))
      }
      await tree.removeProject(project)
      await kernel.close()
      const left = mounts.map((mount) => join(mount, `gantry-${instanceId}`)).filter((path) => existsSync(path))
      if (left.length > 0) throw new Error(`left behind: ${left.join(' ')}`)
    },
  }
}

function runInside(groupFiles: readonly string[], script: string): Member {
  const child = spawn('sh', ['-c', ENTER, 'enter', ...groupFiles, '--', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (data: Buffer) => {
    output += data.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal, output }))
  return { pid: child.pid ?? 0, process: child, exit }
}

/** Waits until the value is there, looking again and again; the test's own time-out ends it. */
export async function until<T>(look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const value = await look()
    if (value !== undefined && value !== false) return value
    await delay(10)
  }
}
