import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import type { Resources } from '../config/resources.ts'
import { type CgroupFolders, folderOf, isUnified } from './folders.ts'

export interface LimitWrite {
  readonly file: string
  readonly value: string
  /** What is lost on a kernel without this file: a warning instead of an error. */
  readonly optional?: string
  /** errno names that mean "tried, go on". */
  readonly lenient?: readonly string[]
}
type Entry = readonly [file: string, value: number | string | null | undefined, optional?: string]

/** Files of a v1 controller's group; a limit whose controller is not there is refused. */
class V1 {
  readonly writes: LimitWrite[] = []
  readonly folders: CgroupFolders
  constructor(folders: CgroupFolders) {
    this.folders = folders
  }

  /** False when the controller is v2's to limit. */
  add(controller: string, entries: readonly Entry[]): boolean {
    const wanted = entries.filter(([, value]) => value !== undefined && value !== null)
    const at = folderOf(this.folders, controller)
    if (at?.version === 2) return false
    if (wanted.length > 0 && !at) missing(controller)
    for (const [name, value, optional] of wanted) {
      this.writes.push({ file: join(at?.dir ?? '', name), value: String(value), ...(optional ? { optional } : {}) })
    }
    return true
  }
}

/** A hierarchy that is not mounted cannot limit anything; to start without would be to ignore what was asked for. */
function missing(controller: string): never {
  throw new GantryError('unsupported', `the cgroup controller ${controller} is not mounted on this machine`, {
    field: 'linux.resources',
    remedy: `leave its limits out, or mount ${controller}`,
  })
}

/** Documentation/admin-guide/cgroup-v1. */
export function limitsV1(folders: CgroupFolders, resources: Resources, fresh: boolean): LimitWrite[] {
  if (isUnified(folders)) return []
  const v1 = new V1(folders)
  memory(v1, resources, fresh)
  cpu(v1, resources)
  const { pids, hugepageLimits, network, rdma } = resources
  if (pids) v1.add('pids', [['pids.max', pids.limit > 0 ? pids.limit : 'max']])
  blockIo(v1, resources)
  v1.add(
    'hugetlb',
    (hugepageLimits ?? []).map(({ pageSize, limit }) => [`hugetlb.${pageSize}.limit_in_bytes`, limit]),
  )
  v1.add('net_cls', [['net_cls.classid', network?.classID || undefined]])
  v1.add(
    'net_prio',
    (network?.priorities ?? []).map(({ name, priority }) => ['net_prio.ifpriomap', `${name} ${priority}`]),
  )
  v1.add(
    'rdma',
    Object.entries(rdma ?? {}).map(([device, limits]) => ['rdma.max', rdmaLine(device, limits)]),
  )
  return v1.writes
}

export function rdmaLine(device: string, limits: { hcaHandles?: number | null; hcaObjects?: number | null }): string {
  const parts = [device]
  if (typeof limits.hcaHandles === 'number') parts.push(`hca_handle=${limits.hcaHandles}`)
  if (typeof limits.hcaObjects === 'number') parts.push(`hca_object=${limits.hcaObjects}`)
  return parts.join(' ')
}

/** memory+swap may never be below memory, not even between the two writes: what rises beyond the other's old value goes first. */
function memory(v1: V1, { memory: wanted }: Resources, fresh: boolean): void {
  if (!wanted) return
  const at = folderOf(v1.folders, 'memory')
  const { limit, swap } = wanted
  const swapFile = 'memory.memsw.limit_in_bytes'
  const noSwap = 'swap is not limited'
  const old = fresh || !at || at.version === 2 ? Number.POSITIVE_INFINITY : readLimit(join(at.dir, swapFile))
  const first: Entry = ['memory.limit_in_bytes', limit]
  const second: Entry = [swapFile, swap, noSwap]
  const rises = typeof limit === 'number' && (limit < 0 ? Number.POSITIVE_INFINITY : limit) > old
  v1.add('memory', rises ? [second, first] : [first, second])
  v1.add('memory', [
    ['memory.soft_limit_in_bytes', wanted.reservation],
    ['memory.kmem.tcp.limit_in_bytes', wanted.kernelTCP],
    ['memory.swappiness', wanted.swappiness === -1 ? undefined : wanted.swappiness],
    ['memory.oom_control', wanted.disableOOMKiller ? 1 : undefined],
    ['memory.use_hierarchy', wanted.useHierarchy ? 1 : undefined, 'memory.use_hierarchy'],
  ])
}

function readLimit(file: string): number {
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.POSITIVE_INFINITY
}

function cpu(v1: V1, { cpu: wanted }: Resources): void {
  if (!wanted) return
  const noRealTime = 'the real-time budget is not kept'
  const { quota, period } = wanted
  // Either may be refused while the other has its old value: the quota is lifted, then both are set.
  const both = typeof quota === 'number' && typeof period === 'number' && period > 0
  v1.add('cpu', [
    ['cpu.shares', wanted.shares || undefined],
    ['cpu.cfs_quota_us', both ? -1 : undefined],
    ['cpu.cfs_period_us', period || undefined],
    ['cpu.cfs_quota_us', quota || undefined],
    ['cpu.cfs_burst_us', wanted.burst, 'cpu burst is not kept'],
    ['cpu.rt_period_us', wanted.realtimePeriod || undefined, noRealTime],
    ['cpu.rt_runtime_us', wanted.realtimeRuntime || undefined, noRealTime],
    ['cpu.idle', wanted.idle],
  ])
  v1.add('cpuset', [
    ['cpuset.cpus', wanted.cpus || undefined],
    ['cpuset.mems', wanted.mems || undefined],
  ])
}

function blockIo(v1: V1, { blockIO: wanted }: Resources): void {
  if (!wanted) return
  const at = folderOf(v1.folders, 'blkio')
  const lost = 'block io weights are not kept (they need the BFQ scheduler)'
  const bfq = at !== undefined && existsSync(join(at.dir, 'blkio.bfq.weight'))
  const weight = bfq ? 'blkio.bfq.weight' : 'blkio.weight'
  v1.add('blkio', [
    [weight, wanted.weight || undefined, lost],
    ['blkio.leaf_weight', wanted.leafWeight || undefined, lost],
    ...(wanted.weightDevice ?? []).flatMap((device): Entry[] => [
      [`${weight}_device`, device.weight ? `${device.major}:${device.minor} ${device.weight}` : undefined, lost],
      ['blkio.leaf_weight_device', device.leafWeight ? `${device.major}:${device.minor} ${device.leafWeight}` : undefined, lost],
    ]),
  ])
  const rates = (file: string, list: typeof wanted.throttleReadBpsDevice) =>
    v1.add(
      'blkio',
      (list ?? []).map(({ major, minor, rate }) => [file, `${major}:${minor} ${rate}`]),
    )
  rates('blkio.throttle.read_bps_device', wanted.throttleReadBpsDevice)
  rates('blkio.throttle.write_bps_device', wanted.throttleWriteBpsDevice)
  rates('blkio.throttle.read_iops_device', wanted.throttleReadIOPSDevice)
  rates('blkio.throttle.write_iops_device', wanted.throttleWriteIOPSDevice)
}
