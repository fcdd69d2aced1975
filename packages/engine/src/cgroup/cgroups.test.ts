import type { Op, Resources } from '@gantry/contracts'
import { describe, expect, test } from 'vitest'
import { ioWeight } from './blkio.ts'
import { cpuWeight } from './cpu.ts'
import { mountTables, type TreeFixture, treeFixture } from './testing/tree-fixture.ts'

const MiB = 1024 * 1024
const group = { projectId: 'p1', containerId: 'c1' }

const onV1 = () =>
  treeFixture(mountTables.hybrid, {
    'cpuset/cpuset.cpus': '0-3',
    'cpuset/cpuset.mems': '0',
    'memory/memory.memsw.limit_in_bytes': '0',
    'cpu/cpu.cfs_burst_us': '0',
    'cpu/cpu.rt_runtime_us': '950000',
    'unified/cgroup.controllers': 'hugetlb',
    'unified/cgroup.subtree_control': '',
  })
const onV2 = () =>
  treeFixture(mountTables.v2, {
    'fs/cgroup.controllers': 'cpuset cpu io memory hugetlb pids',
    'fs/cgroup.subtree_control': '',
    'fs/gantry-ab12/cgroup.subtree_control': '',
    'fs/gantry-ab12/cpu.max.burst': '0',
    'fs/gantry-ab12/cpuset.cpus.effective': '0-3',
    'fs/gantry-ab12/p1/memory.swap.max': 'max',
    'fs/gantry-ab12/p1/cpuset.cpus.effective': '0-3',
    'fs/gantry-ab12/p1/io.bfq.weight': '100',
  })

/** `cpu.shares=512` lines of the writes, below the group they go to; the default device rules left out. */
function writes({ root }: TreeFixture, ops: readonly Op[], path = 'gantry-ab12/p1/c1'): string[] {
  return ops
    .filter(([name, file]) => name.startsWith('write') && !file?.includes('/devices.'))
    .map(([, file = '', value]) => `${file.slice(root.length + 1).replace(`${path}/`, '')}=${value}`)
}

const everything: Resources = {
  cpuShares: 512,
  nanoCpus: 1.5e9,
  cpuBurstUs: 20_000,
  cpusetCpus: '0,2-3',
  cpusetMems: '0',
  memoryBytes: 64 * MiB,
  memorySwapBytes: 96 * MiB,
  memoryReservationBytes: 32 * MiB,
  memorySwappiness: 10,
  oomKillDisable: true,
  pidsLimit: 100,
  blkioWeight: 300,
  blkioReadBps: [{ device: '/dev/sda', rate: MiB }],
  blkioWriteIops: [{ device: '8:16', rate: 500 }],
  hugetlb: { '2MB': 4 * MiB },
}

test('v1: every limit in its file', async () => {
  await using fixture = onV1()
  fixture.write('blkio/gantry-ab12/p1/blkio.bfq.weight', '100')
  const { ops, warnings } = fixture.tree.createOps(group, everything, [])
  expect(writes(fixture, ops)).toEqual([
    'cpuset/cpuset.cpus=0,2-3',
    'cpuset/cpuset.mems=0',
    `memory/memory.limit_in_bytes=${64 * MiB}`,
    `memory/memory.memsw.limit_in_bytes=${96 * MiB}`,
    `memory/memory.soft_limit_in_bytes=${32 * MiB}`,
    'memory/memory.swappiness=10',
    'memory/memory.oom_control=1',
    'cpu/cpu.shares=512',
    'cpu/cpu.cfs_quota_us=150000',
    'cpu/cpu.cfs_burst_us=20000',
    'pids/pids.max=100',
    'unified/cgroup.subtree_control=+hugetlb',
    'unified/gantry-ab12/cgroup.subtree_control=+hugetlb',
    'unified/gantry-ab12/p1/cgroup.subtree_control=+hugetlb',
    `unified/hugetlb.2MB.max=${4 * MiB}`,
    `unified/hugetlb.2MB.rsvd.max=${4 * MiB}`,
    'blkio/blkio.bfq.weight=300',
    `blkio/blkio.throttle.read_bps_device=8:0 ${MiB}`,
    'blkio/blkio.throttle.write_iops_device=8:16 500',
  ])
  expect(warnings).toEqual([])
  expect(ops.filter(([name]) => name === 'mkdir')).toHaveLength(9)
  expect(fixture.tree.enterOps(group).map(([name, path]) => `${name} ${path?.slice(fixture.root.length)}`)).toContain(
    'cgroup.enter /freezer/gantry-ab12/p1/c1/cgroup.procs',
  )
  expect(fixture.tree.path(group)).toBe('/gantry-ab12/p1/c1')
})

test('v2: every limit in its file, and what v2 cannot do as a warning', async () => {
  await using fixture = onV2()
  const { ops, warnings } = fixture.tree.createOps(group, everything, [])
  expect(writes(fixture, ops)).toEqual([
    'fs/cpuset.cpus=0,2-3',
    'fs/cpuset.mems=0',
    `fs/memory.swap.max=${32 * MiB}`,
    `fs/memory.max=${64 * MiB}`,
    `fs/memory.low=${32 * MiB}`,
    'fs/cpu.weight=59',
    'fs/cpu.max=150000 100000',
    'fs/pids.max=100',
    'fs/cgroup.subtree_control=+hugetlb',
    'fs/gantry-ab12/cgroup.subtree_control=+hugetlb',
    'fs/gantry-ab12/p1/cgroup.subtree_control=+hugetlb',
    `fs/hugetlb.2MB.max=${4 * MiB}`,
    `fs/hugetlb.2MB.rsvd.max=${4 * MiB}`,
    'fs/io.bfq.weight=300',
    `fs/io.max=8:0 rbps=${MiB}`,
    'fs/io.max=8:16 wiops=500',
  ])
  expect(warnings).toEqual([
    'memory swappiness is not kept: cgroup v2 has none per group',
    'the OOM killer stays on: cgroup v2 cannot switch it off per group',
    'cpu burst is not kept: this kernel has no cpu.max.burst (needs 5.15)',
  ])
  expect(ops.find(([name]) => name === 'bpf.device')?.[1]).toBe(`${fixture.root}/fs/gantry-ab12/p1/c1`)
})

test('what is not asked for is not written, but for docker’s defaults', async () => {
  await using v1 = onV1()
  expect(writes(v1, v1.tree.createOps(group, {}, []).ops)).toEqual(['pids/pids.max=2048'])
  const memory = v1.tree.createOps(group, { memoryBytes: 64 * MiB }, []).ops
  expect(writes(v1, memory)).toContain(`memory/memory.memsw.limit_in_bytes=${128 * MiB}`)
  const unlimitedSwap = v1.tree.createOps(group, { memoryBytes: 64 * MiB, memorySwapBytes: -1 }, []).ops
  expect(writes(v1, unlimitedSwap).filter((text) => text.includes('memsw'))).toEqual([])
  await using v2 = onV2()
  expect(writes(v2, v2.tree.createOps(group, {}, []).ops)).toEqual(['fs/pids.max=2048'])
})

test('v1 devices: everything shut, the default devices and then the container’s own opened, in order', async () => {
  await using fixture = onV1()
  const rule = { allow: true, type: 'c', major: 10, minor: 200, access: 'rw' } as const
  const devices = (rules: Parameters<TreeFixture['tree']['createOps']>[2]) =>
    fixture.tree
      .createOps(group, {}, rules)
      .ops.filter(([, path]) => path?.includes('/devices.'))
      .map(([, path = '', value]) => `${path.slice(path.lastIndexOf('.') + 1)} ${value}`)
  const defaults = ['1:3', '1:5', '1:7', '1:8', '1:9', '5:0', '5:1', '5:2', '136:*'].map((numbers) => `allow c ${numbers} rwm`)
  expect(devices([rule])).toEqual(['deny a', ...defaults, 'allow c 10:200 rw'])
  expect(devices([{ allow: true, type: 'a', major: null, minor: null, access: 'rwm' }])).toEqual(['allow a'])
  expect(devices([{ ...rule, minor: null, allow: false }]).at(-1)).toBe('deny c 10:* rw')
})

describe('memory and swap on v1: never below one another, not even between the two writes', () => {
  test.each([
    ['both rise past the old sum', 64, 128, 256, 512, ['memsw=512', 'limit=256']],
    ['memory rises within the old sum', 64, 128, 100, 200, ['limit=100', 'memsw=200']],
    ['both fall', 256, 512, 64, 128, ['limit=64', 'memsw=128']],
    ['limit given to an unlimited group', 0, 0, 64, 128, ['limit=64', 'memsw=128']],
    ['limit lifted', 64, 128, 0, 0, ['memsw=-1', 'limit=-1']],
    ['swap only', 64, 128, 64, 64, ['memsw=64']],
  ])('%s', async (_name, memoryBefore, swapBefore, memoryAfter, swapAfter, expected) => {
    await using fixture = onV1()
    const of = (memory: number, swap: number) => (memory ? { memoryBytes: memory * MiB, memorySwapBytes: swap * MiB } : {})
    const { ops } = fixture.tree.updateOps(group, of(memoryBefore, swapBefore), of(memoryAfter, swapAfter))
    const short = writes(fixture, ops).map((text) => {
      const [file, bytes] = text.split('=')
      return `${file?.includes('memsw') ? 'memsw' : 'limit'}=${Number(bytes) > 0 ? Number(bytes) / MiB : bytes}`
    })
    expect(short).toEqual(expected)
  })
})

test('swap accounting may be missing: memory is limited and the rest is a warning', async () => {
  await using fixture = treeFixture(mountTables.v1, { 'cpuset/cpuset.cpus': '0', 'cpuset/cpuset.mems': '0' })
  const { ops, warnings } = fixture.tree.createOps(group, { memoryBytes: 64 * MiB }, [])
  expect(writes(fixture, ops)).toEqual([`memory/memory.limit_in_bytes=${64 * MiB}`, 'pids/pids.max=2048'])
  expect(warnings).toEqual(['swap is not limited: the kernel does not account it (boot with swapaccount=1)'])
})

test('an update writes what changed and lifts what is gone', async () => {
  await using v1 = onV1()
  const before = { cpuShares: 512, nanoCpus: 1e9, pidsLimit: 10, cpusetCpus: '0', blkioReadBps: [{ device: '8:0', rate: 5 }] }
  v1.write('blkio/gantry-ab12/p1/c1/blkio.throttle.read_bps_device', '8:0 5\n')
  expect(writes(v1, v1.tree.updateOps(group, before, { ...before, pidsLimit: 20 }).ops)).toEqual(['pids/pids.max=20'])
  v1.write('cpuset/gantry-ab12/p1/cpuset.cpus', '0-2')
  expect(writes(v1, v1.tree.updateOps(group, before, {}).ops)).toEqual([
    'cpuset/cpuset.cpus=0-2',
    'cpu/cpu.shares=1024',
    'cpu/cpu.cfs_quota_us=-1',
    'cpu/cpu.cfs_period_us=100000',
    'pids/pids.max=2048',
    'blkio/blkio.throttle.read_bps_device=8:0 0',
  ])
  await using v2 = onV2()
  v2.write('fs/gantry-ab12/p1/c1/io.max', '8:0 rbps=5 wbps=max riops=max wiops=max\n')
  expect(writes(v2, v2.tree.updateOps(group, before, {}).ops)).toEqual([
    'fs/cpuset.cpus=0-3',
    'fs/cpu.weight=100',
    'fs/cpu.max=max 100000',
    'fs/pids.max=2048',
    'fs/io.max=8:0 rbps=max',
  ])
})

test('a v1 container may not have more cpu than its project: it gets the project’s rate and a warning', async () => {
  await using fixture = onV1()
  fixture.write('cpu/gantry-ab12/p1/cpu.cfs_quota_us', '50000')
  fixture.write('cpu/gantry-ab12/p1/cpu.cfs_period_us', '100000')
  const { ops, warnings } = fixture.tree.createOps(group, { nanoCpus: 2e9 }, [])
  expect(writes(fixture, ops)).toContain('cpu/cpu.cfs_quota_us=50000')
  expect(warnings).toEqual(["2 cpus exceed the project's 0.5: the project's limit applies"])
})

test('a project’s falling limits pull its v1 containers down first', async () => {
  await using fixture = onV1()
  const { tree, run } = fixture
  await run(tree.projectOps('p1', { nanoCpus: 2e9, cpusetCpus: '0-3' }))
  await run(tree.createOps(group, { nanoCpus: 1e9, cpusetCpus: '1,3' }, []).ops)
  const ops = tree.projectOps('p1', { nanoCpus: 5e8, cpusetCpus: '2-3' })
  const path = 'gantry-ab12/p1'
  expect(writes(fixture, ops, path).filter((text) => /cfs_quota|cpuset[.]cpus/.test(text))).toEqual([
    'cpu/c1/cpu.cfs_quota_us=50000',
    'cpuset/cpuset.cpus=0-3',
    'cpuset/c1/cpuset.cpus=3',
    'cpuset/cpuset.cpus=2-3',
    'cpu/cpu.cfs_quota_us=-1',
    'cpu/cpu.cfs_quota_us=50000',
  ])
})

test('v1 containers get their project’s disk rates, as a v1 group’s bind nobody below it; v2 containers need not', async () => {
  const rates = { blkioWriteBps: [{ device: '8:0', rate: 100 }] }
  const own = { blkioWriteBps: [{ device: '/dev/sda', rate: 500 }], blkioReadBps: [{ device: '8:16', rate: 7 }] }
  await using v1 = onV1()
  v1.tree.projectOps('p1', rates)
  expect(writes(v1, v1.tree.createOps(group, own, []).ops).filter((text) => text.startsWith('blkio'))).toEqual([
    'blkio/blkio.throttle.read_bps_device=8:16 7',
    'blkio/blkio.throttle.write_bps_device=8:0 100',
  ])
  await using v2 = onV2()
  v2.tree.projectOps('p1', rates)
  expect(writes(v2, v2.tree.createOps(group, {}, []).ops)).toEqual(['fs/pids.max=2048'])
})

test('a project’s memory is its sum: no swap beyond it', async () => {
  await using v1 = onV1()
  expect(
    writes(v1, v1.tree.projectOps('p1', { memoryBytes: 64 * MiB }), 'gantry-ab12/p1').filter((text) => text.startsWith('memory')),
  ).toEqual([`memory/memory.limit_in_bytes=${64 * MiB}`, `memory/memory.memsw.limit_in_bytes=${64 * MiB}`])
  await using v2 = treeFixture(mountTables.v2, {
    'fs/cgroup.controllers': 'cpuset cpu io memory pids',
    'fs/cgroup.subtree_control': '',
    'fs/gantry-ab12/memory.swap.max': 'max',
  })
  const ops = v2.tree.projectOps('p1', { memoryBytes: 64 * MiB })
  expect(writes(v2, ops, 'gantry-ab12/p1')).toEqual([
    'fs/cgroup.subtree_control=+cpu +cpuset +memory +io +pids',
    'fs/memory.swap.max=0',
    `fs/memory.max=${64 * MiB}`,
  ])
})

test('real-time budgets are granted from above: every level gets the sum of its children first', async () => {
  await using fixture = onV1()
  fixture.write('cpu/gantry-ab12/cpu.rt_runtime_us', '0')
  fixture.write('cpu/gantry-ab12/p1/cpu.rt_runtime_us', '0')
  fixture.write('cpu/gantry-ab12/p1/other/cpu.rt_runtime_us', '1000')
  const { ops } = fixture.tree.createOps(group, { cpuRtRuntimeUs: 5000 }, [])
  expect(writes(fixture, ops).filter((text) => text.includes('rt_'))).toEqual([
    'cpu/gantry-ab12/cpu.rt_runtime_us=6000',
    'cpu/gantry-ab12/p1/cpu.rt_runtime_us=6000',
    'cpu/cpu.rt_period_us=1000000',
    'cpu/cpu.rt_runtime_us=5000',
  ])
})

describe('impossible limits are refused in words', () => {
  const refusals: [Resources, string][] = [
    [{ cpusetCpus: '0-9' }, 'cpusetCpus 0-9: this machine has cpus 0-3'],
    [{ cpusetCpus: '0-4000000000' }, 'cpusetCpus 0-4000000000: this machine has cpus 0-3'],
    [{ cpusetMems: '1' }, 'cpusetMems 1: this machine has memory nodes 0'],
    [{ nanoCpus: 5e9 }, '5 cpus: this machine has 4'],
    [{ nanoCpus: 1e9, cpuQuotaUs: 1000 }, 'cpus cannot be combined with a cpu quota or period'],
    [{ memorySwapBytes: 64 * MiB }, 'memory and swap 64 MiB needs a memory limit'],
    [{ memoryBytes: 64 * MiB, memorySwapBytes: 32 * MiB }, 'memory and swap 32 MiB is less than memory 64 MiB: it is the sum of both'],
    [{ memoryBytes: 64 * MiB, memoryReservationBytes: 65 * MiB }, 'memory reservation 65 MiB exceeds memory limit 64 MiB'],
    [{ cpuRtRuntimeUs: 2000, cpuRtPeriodUs: 1000 }, 'real-time runtime 2000 µs exceeds its period 1000 µs'],
    [{ cpuBurstUs: 1 }, 'a cpu burst needs a cpu quota'],
    [{ hugetlb: { '3MB': 1 } }, 'huge pages of 3MB: this machine has 2MB, 1GB'],
  ]
  test.each(refusals)('%j', async (resources, message) => {
    await using fixture = onV1()
    const refused = expect.objectContaining({ code: 'invalid_input', message })
    expect(() => fixture.tree.createOps(group, resources, [])).toThrow(refused)
    expect(() => fixture.tree.check('p1', resources)).toThrow(refused)
    expect(() => fixture.tree.updateOps(group, {}, resources)).toThrow(refused)
  })

  test('a project may be allowed more cpus than today’s machine has', async () => {
    await using fixture = onV1()
    expect(writes(fixture, fixture.tree.projectOps('p1', { nanoCpus: 64e9 }), 'gantry-ab12/p1')).toContain('cpu/cpu.cfs_quota_us=6400000')
  })

  test('cpus outside the project’s', async () => {
    await using fixture = onV1()
    fixture.write('cpuset/gantry-ab12/p1/cpuset.cpus', '0-1')
    expect(() => fixture.tree.check('p1', { cpusetCpus: '1-2' })).toThrow('cpusetCpus 1-2: this project has cpus 0-1')
  })
})

test('what a killed agent left of an earlier start is removed before the group is made', async () => {
  await using fixture = onV1()
  await fixture.run(fixture.tree.projectOps('p1', {}))
  fixture.write('unified/gantry-ab12/p1/c1/x', '')
  const names = fixture.tree.createOps(group, {}, []).ops.map(([name]) => name)
  expect(names.slice(0, 4)).toEqual(['rmdir?', 'mkdir', 'rmdir?', 'mkdir'])
})

test('groups are found in whichever hierarchy they remain', async () => {
  await using fixture = onV1()
  await fixture.run(fixture.tree.projectOps('p1', {}))
  fixture.write('blkio/gantry-ab12/p1/c9/x', '')
  fixture.write('pids/gantry-ab12/p2/c1/x', '')
  expect(await fixture.tree.list()).toEqual([
    { projectId: 'p1', containerId: 'c9' },
    { projectId: 'p2', containerId: 'c1' },
  ])
})

test('weights, as runc and crun convert them', () => {
  expect([2, 512, 1024, 2048, 262144].map(cpuWeight)).toEqual([1, 59, 100, 174, 10000])
  expect([10, 505, 1000].map(ioWeight)).toEqual([1, 5000, 10000])
})
