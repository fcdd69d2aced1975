import { expect, test } from 'vitest'
import type { Resources } from '../config/resources.ts'
import type { CgroupFolders } from './folders.ts'
import { readHierarchies } from './hierarchies.ts'
import { limitsV1 } from './limits-v1.ts'
import { limitsV2 } from './limits-v2.ts'

const all = ['cpu', 'cpuset', 'memory', 'blkio', 'io', 'pids', 'hugetlb', 'rdma', 'net_cls', 'net_prio']
const v1: CgroupFolders = { path: '/c', parents: [], hierarchies: [{ mount: '/1', version: 1, controllers: all }] }
const v2: CgroupFolders = { path: '/c', parents: [], hierarchies: [{ mount: '/2', version: 2, controllers: all }] }
const none: CgroupFolders = { path: '/c', parents: [], hierarchies: [{ mount: '/2', version: 2, controllers: [] }] }
const first = (resources: Resources) => limitsV1(v1, resources, true).map(({ file, value }) => `${file.slice(3)} ${value}`)
const second = (resources: Resources) => limitsV2(v2, resources).map(({ file, value }) => `${file.slice(3)} ${value}`)
const rate = [{ major: 8, minor: 0, rate: 100 }]

const rows: readonly (readonly [what: string, resources: Resources, v1: readonly string[], v2: readonly string[]])[] = [
  [
    'memory',
    { memory: { limit: 10, swap: 30, reservation: 5 } },
    ['memory.limit_in_bytes 10', 'memory.memsw.limit_in_bytes 30', 'memory.soft_limit_in_bytes 5'],
    ['memory.swap.max 20', 'memory.max 10', 'memory.low 5'],
  ],
  [
    'no limit of memory',
    { memory: { limit: -1, swap: -1 } },
    ['memory.limit_in_bytes -1', 'memory.memsw.limit_in_bytes -1'],
    ['memory.swap.max max', 'memory.max max'],
  ],
  [
    'cpu',
    { cpu: { shares: 1024, quota: 5, period: 10 } },
    ['cpu.shares 1024', 'cpu.cfs_quota_us -1', 'cpu.cfs_period_us 10', 'cpu.cfs_quota_us 5'],
    ['cpu.weight 100', 'cpu.max 5 10'],
  ],
  ['cpus', { cpu: { cpus: '0', mems: '0' } }, ['cpuset.cpus 0', 'cpuset.mems 0'], ['cpuset.cpus 0', 'cpuset.mems 0']],
  ['pids', { pids: { limit: 5 } }, ['pids.max 5'], ['pids.max 5']],
  ['no limit of pids', { pids: { limit: -1 } }, ['pids.max max'], ['pids.max max']],
  [
    'rates',
    { blockIO: { throttleReadBpsDevice: rate, throttleWriteIOPSDevice: rate } },
    ['blkio.throttle.read_bps_device 8:0 100', 'blkio.throttle.write_iops_device 8:0 100'],
    ['io.max 8:0 rbps=100', 'io.max 8:0 wiops=100'],
  ],
  [
    'huge pages',
    { hugepageLimits: [{ pageSize: '2MB', limit: 4 }] },
    ['hugetlb.2MB.limit_in_bytes 4'],
    ['hugetlb.2MB.max 4', 'hugetlb.2MB.rsvd.max 4'],
  ],
  [
    'rdma',
    { rdma: { mlx: { hcaHandles: 2, hcaObjects: 3 } } },
    ['rdma.max mlx hca_handle=2 hca_object=3'],
    ['rdma.max mlx hca_handle=2 hca_object=3'],
  ],
]
test.each(rows)('%s', (_what, resources, onV1, onV2) => {
  expect(first(resources)).toEqual(onV1.map((line) => `c/${line}`))
  expect(second(resources)).toEqual(onV2.map((line) => `c/${line}`))
})

test('network classes are of v1 only', () => {
  expect(first({ network: { classID: 7, priorities: [{ name: 'eth0', priority: 2 }] } })).toEqual([
    'c/net_cls.classid 7',
    'c/net_prio.ifpriomap eth0 2',
  ])
  expect(() => second({ network: { classID: 7 } })).toThrow('controller net_cls is not available')
})

const unkept: readonly Resources[] = [
  { memory: { limit: 1 } },
  { cpu: { quota: 1 } },
  { cpu: { cpus: '0' } },
  { pids: { limit: 1 } },
  { blockIO: { throttleWriteIOPSDevice: rate } },
  { blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 100 }] } },
  { hugepageLimits: [{ pageSize: '2MB', limit: 1 }] },
  { rdma: { mlx: { hcaHandles: 1 } } },
]
test.each(unkept)('a limit that no controller keeps is refused: %j', (resources) => {
  expect(() => limitsV2(none, resources)).toThrow('is not available on this machine')
})

test('on v2 what contradicts itself is refused', () => {
  expect(() => second({ memory: { swap: 10 } })).toThrow('memory.swap needs memory.limit')
  expect(() => second({ memory: { limit: 20, swap: 10 } })).toThrow('memory.swap is less than memory.limit')
  expect(() => second({ cpu: { realtimeRuntime: 1 } })).toThrow('real-time cpu budgets need cgroup v1')
  expect(() => second({ memory: { kernelTCP: 1 } })).toThrow('memory.kernelTCP needs cgroup v1')
})

test('hierarchies by what is mounted, the first mount of each', () => {
  const mountinfo = [
    '30 25 0:26 / /sys/fs/cgroup/a\\040b rw - cgroup cgroup rw,cpu,cpuacct',
    '31 25 0:26 / /other rw - cgroup cgroup rw,cpu,cpuacct',
    '32 25 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
    '33 25 0:28 / /tmp rw - tmpfs tmpfs rw',
    '34 25 0:29 / /nonexistent/unified rw shared:1 - cgroup2 cgroup2 rw',
  ].join('\n')
  expect(readHierarchies(mountinfo)).toEqual([
    { mount: '/sys/fs/cgroup/a b', version: 1, controllers: ['cpu', 'cpuacct'] },
    { mount: '/sys/fs/cgroup/systemd', version: 1, controllers: [], name: 'systemd' },
    { mount: '/nonexistent/unified', version: 2, controllers: [] },
  ])
})
