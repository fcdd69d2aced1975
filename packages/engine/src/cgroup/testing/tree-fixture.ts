import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { GantryError, type Op } from '@gantry/contracts'
import { type CgroupsOptions, createCgroups, type GroupTree } from '../cgroups.ts'
import { createHostFacts, type HostFacts } from '../host-facts.ts'

/**
 * A cgroup tree on plain folders, for tests of what is written where. `{root}` in the mount table stands for the folder.
 * It keeps no promises of the kernel's: those are tested on the kernel.
 */
export interface TreeFixture extends AsyncDisposable {
  readonly root: string
  readonly tree: GroupTree
  /** Carries out operations as the launcher would; files need not exist. */
  run(ops: readonly Op[]): Promise<string[]>
  write(path: string, content: string): void
}

export function treeFixture(mountinfo: string, files: Readonly<Record<string, string>> = {}, facts: Partial<HostFacts> = {}): TreeFixture {
  const root = mkdtempSync(join(tmpdir(), 'gantry-cgroup-'))
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const table = mountinfo.replaceAll('{root}', root)
  for (const [, mount = ''] of table.matchAll(/^(?:\S+ ){4}(\S+) .* - cgroup2? /gm)) mkdirSync(mount, { recursive: true })
  for (const [path, content] of Object.entries(files)) write(path, content)
  const run = async (ops: readonly Op[]) => ops.map(runOnFolders)
  const machine: HostFacts = {
    ...createHostFacts(),
    onlineCpus: () => '0-3',
    onlineMems: () => '0',
    disks: () => [],
    hugePageSizes: () => ['2MB', '1GB'],
    disk: (device) => (device.startsWith('/') ? '8:0' : device),
    ...facts,
  }
  const options: CgroupsOptions = {
    config: { instanceId: 'ab12', log: () => undefined },
    kernel: { ops: run },
    mountinfo: table,
    facts: machine,
  }
  const tree = createCgroups(options)
  return { root, tree, run, write, [Symbol.asyncDispose]: async () => rmSync(root, { recursive: true }) }
}

function runOnFolders([name, path = '', value = '']: Op): string {
  const plain = name.replace('?', '')
  if (name.endsWith('?') && plain === 'write' && !existsSync(dirname(path))) return ''
  if (plain === 'mkdir') mkdirSync(path, { recursive: name === 'mkdir?' })
  else if (plain === 'write') writeFileSync(path, value)
  else if (plain === 'rmdir') {
    if (existsSync(path)) rmdirSync(path)
  } else if (plain !== 'bpf.device') throw new GantryError('unsupported', `no ${name} on plain folders`)
  return ''
}

const line = (mount: string, type: string, options: string) => `30 25 0:30 / {root}/${mount} rw,relatime - ${type} ${type} rw,${options}`

/** Mount tables as distributions have them. */
export const mountTables = {
  /** Every controller on a hierarchy of its own, and an empty cgroup2. */
  hybrid: [
    '25 1 0:25 / {root} rw - tmpfs tmpfs rw,mode=755',
    ...['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids'].map((name) => line(name, 'cgroup', name)),
    line('systemd', 'cgroup', 'name=systemd'),
    line('unified', 'cgroup2', ''),
    // What another engine left: no mount of a controller.
    '40 25 0:40 / {root}/hugetlb rw - tmpfs tmpfs rw',
  ].join('\n'),
  /** systemd's classic layout: controllers that share a hierarchy, no cgroup2. */
  v1: [
    line('cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
    ...['cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'hugetlb'].map((name) => line(name, 'cgroup', name)),
    line('net_cls,net_prio', 'cgroup', 'net_cls,net_prio'),
    // The same hierarchy once more, as bind mounts into other containers show it.
    line('elsewhere', 'cgroup', 'memory'),
  ].join('\n'),
  v2: line('fs', 'cgroup2', 'nsdelegate'),
}
