import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import { cpuWeight, ioWeight } from '@gantry/engine/runtime-parts'
import type { Resources } from '../config/resources.ts'
import { warn } from '../log.ts'
import { type CgroupFolders, folderOf, isUnified } from './folders.ts'
import { type LimitWrite, rdmaLine } from './limits-v1.ts'

const amount = (value: number) => (value < 0 ? 'max' : String(value))

/** Those limits whose controller is on the unified hierarchy; Documentation/admin-guide/cgroup-v2.rst. */
export function limitsV2(folders: CgroupFolders, resources: Resources): LimitWrite[] {
  const on = (controller: string) => {
    const at = folderOf(folders, controller)
    return at?.version === 2 ? at.dir : undefined
  }
  const writes: LimitWrite[] = []
  const add = (dir: string, name: string, value: string | number | null | undefined, optional?: string) => {
    if (value !== undefined && value !== null)
      writes.push({ file: join(dir, name), value: String(value), ...(optional ? { optional } : {}) })
  }
  const dirs = {
    memory: on('memory'),
    cpu: on('cpu'),
    cpuset: on('cpuset'),
    pids: on('pids'),
    io: on('io'),
    hugetlb: on('hugetlb'),
    rdma: on('rdma'),
  }
  if (isUnified(folders)) checkPresent(resources, dirs)
  const { pids, hugepageLimits, rdma } = resources
  if (dirs.memory) memory(dirs.memory, resources, add)
  if (dirs.cpu) cpu(dirs.cpu, resources, add)
  if (dirs.cpuset) {
    add(dirs.cpuset, 'cpuset.cpus', resources.cpu?.cpus || undefined)
    add(dirs.cpuset, 'cpuset.mems', resources.cpu?.mems || undefined)
  }
  if (dirs.pids && pids) add(dirs.pids, 'pids.max', pids.limit > 0 ? pids.limit : 'max')
  if (dirs.io) blockIo(dirs.io, resources, add)
  for (const { pageSize, limit } of dirs.hugetlb ? (hugepageLimits ?? []) : []) {
    add(dirs.hugetlb ?? '', `hugetlb.${pageSize}.max`, limit)
    add(dirs.hugetlb ?? '', `hugetlb.${pageSize}.rsvd.max`, limit, 'reserved huge pages are not limited')
  }
  for (const [device, limits] of dirs.rdma ? Object.entries(rdma ?? {}) : []) add(dirs.rdma ?? '', 'rdma.max', rdmaLine(device, limits))
  return writes
}

type Add = (dir: string, name: string, value: string | number | null | undefined, optional?: string) => void
type Dirs = Readonly<Partial<{ [name in 'memory' | 'cpu' | 'cpuset' | 'pids' | 'io' | 'hugetlb' | 'rdma']: string | undefined }>>

/** A limit without a controller to keep it is refused; on v1 that is checked there. */
function checkPresent({ memory, cpu, pids, blockIO, hugepageLimits, network, rdma }: Resources, dirs: Dirs): void {
  const needs: readonly [string, unknown, string | undefined][] = [
    ['memory', typeof memory?.limit === 'number' && memory.limit > 0, dirs.memory],
    ['cpu', cpu?.quota || cpu?.shares, dirs.cpu],
    ['cpuset', cpu?.cpus || cpu?.mems, dirs.cpuset],
    ['pids', pids && pids.limit > 0, dirs.pids],
    ['io', Object.values(blockIO ?? {}).some((value) => (Array.isArray(value) ? value.length > 0 : value)), dirs.io],
    ['hugetlb', hugepageLimits?.length, dirs.hugetlb],
    ['rdma', Object.keys(rdma ?? {}).length, dirs.rdma],
    ['net_cls', network?.classID || network?.priorities?.length, undefined],
  ]
  for (const [name, wanted, dir] of needs) {
    if (wanted && !dir)
      throw new GantryError('unsupported', `the cgroup controller ${name} is not available on this machine`, { field: 'linux.resources' })
  }
}

/** v2 counts swap on its own. */
function memory(dir: string, { memory: wanted }: Resources, add: Add): void {
  if (!wanted) return
  const { limit, swap } = wanted
  if (typeof swap === 'number' && swap !== 0) {
    if (swap > 0 && (typeof limit !== 'number' || limit <= 0))
      throw new GantryError('invalid_input', 'memory.swap needs memory.limit on cgroup v2', { field: 'linux.resources.memory.swap' })
    if (swap > 0 && swap < (limit ?? 0))
      throw new GantryError('invalid_input', 'memory.swap is less than memory.limit', { field: 'linux.resources.memory.swap' })
    add(dir, 'memory.swap.max', swap < 0 ? 'max' : swap - (limit ?? 0), 'swap is not limited')
  }
  if (wanted.checkBeforeUpdate) checkUsage(dir, limit)
  if (typeof limit === 'number' && limit !== 0) add(dir, 'memory.max', amount(limit))
  if (typeof wanted.reservation === 'number') add(dir, 'memory.low', amount(wanted.reservation))
  if (typeof wanted.swappiness === 'number' && wanted.swappiness >= 0) warn('memory swappiness is not kept: cgroup v2 has none per group')
  if (wanted.kernelTCP)
    throw new GantryError('unsupported', 'memory.kernelTCP needs cgroup v1', { field: 'linux.resources.memory.kernelTCP' })
  if (wanted.disableOOMKiller) warn('the OOM killer stays on: cgroup v2 cannot switch it off per group')
}

/** v2 would have the OOM killer make room; v1 itself refuses. */
function checkUsage(dir: string, limit: number | null | undefined): void {
  const file = join(dir, 'memory.current')
  const used = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  if (typeof limit === 'number' && limit > 0 && limit < used)
    throw new GantryError('invalid_input', `memory.limit ${limit} is below the ${used} bytes in use`, {
      field: 'linux.resources.memory.limit',
    })
}

function cpu(dir: string, { cpu: wanted }: Resources, add: Add): void {
  if (!wanted) return
  if (wanted.shares) add(dir, 'cpu.weight', cpuWeight(wanted.shares))
  if (wanted.quota || wanted.period) {
    const quota = !wanted.quota || wanted.quota < 0 ? 'max' : String(wanted.quota)
    add(dir, 'cpu.max', wanted.period ? `${quota} ${wanted.period}` : quota)
  }
  add(dir, 'cpu.max.burst', wanted.burst, 'cpu burst is not kept')
  add(dir, 'cpu.idle', wanted.idle)
  if (wanted.realtimeRuntime)
    throw new GantryError('unsupported', 'real-time cpu budgets need cgroup v1', { field: 'linux.resources.cpu.realtimeRuntime' })
}

function blockIo(dir: string, { blockIO: wanted }: Resources, add: Add): void {
  if (!wanted) return
  const bfq = existsSync(join(dir, 'io.bfq.weight'))
  const lost = 'block io weights are not kept'
  if (wanted.weight) add(dir, bfq ? 'io.bfq.weight' : 'io.weight', bfq ? wanted.weight : `default ${ioWeight(wanted.weight)}`, lost)
  if (wanted.leafWeight || wanted.weightDevice?.some(({ leafWeight }) => leafWeight))
    warn('block io leaf weights are not kept: cgroup v2 has none')
  for (const { major, minor, weight } of wanted.weightDevice ?? []) {
    if (weight) add(dir, bfq ? 'io.bfq.weight' : 'io.weight', `${major}:${minor} ${bfq ? weight : ioWeight(weight)}`, lost)
  }
  const rates = (word: string, list: typeof wanted.throttleReadBpsDevice) => {
    for (const { major, minor, rate } of list ?? []) add(dir, 'io.max', `${major}:${minor} ${word}=${rate || 'max'}`)
  }
  rates('rbps', wanted.throttleReadBpsDevice)
  rates('wbps', wanted.throttleWriteBpsDevice)
  rates('riops', wanted.throttleReadIOPSDevice)
  rates('wiops', wanted.throttleWriteIOPSDevice)
}
