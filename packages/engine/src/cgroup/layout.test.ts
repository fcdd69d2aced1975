import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mountTables } from './testing/tree-fixture.ts'
import { type Layout, readLayout } from './layout.ts'

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-layout-'))
  for (const [name, controllers] of [
    ['fs', 'cpuset cpu io memory hugetlb pids rdma misc'],
    ['unified', 'hugetlb'],
  ] as const) {
    mkdirSync(join(root, name))
    writeFileSync(join(root, name, 'cgroup.controllers'), `${controllers}\n`)
  }
})
afterAll(() => rmSync(root, { recursive: true }))

const layoutOf = (table: string, self = '0::/\n') => readLayout(table.replaceAll('{root}', root), self)
const places = (layout: Layout) =>
  Object.fromEntries(Object.entries(layout.where).map(([name, { mount, version }]) => [name, `v${version} ${mount.slice(root.length)}`]))

test('hybrid: controllers where they are mounted, whatever folders lie about', () => {
  const layout = layoutOf(mountTables.hybrid)
  expect(layout.version).toBe('hybrid')
  expect(places(layout)).toEqual({
    ...Object.fromEntries(
      ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids'].map((name) => [name, `v1 /${name}`]),
    ),
    hugetlb: 'v2 /unified',
  })
  expect(layout.hierarchies).toHaveLength(9)
  expect(layout.unified?.enable).toEqual([])
})

test('v1: shared hierarchies count once, a second mount of the same not at all', () => {
  const layout = layoutOf(mountTables.v1)
  expect(layout.version).toBe('v1')
  expect(places(layout)).toMatchObject({ cpu: 'v1 /cpu,cpuacct', cpuacct: 'v1 /cpu,cpuacct', memory: 'v1 /memory', hugetlb: 'v1 /hugetlb' })
  expect(layout.hierarchies).toHaveLength(8)
  expect(layout.unified).toBeUndefined()
})

test('v2: one hierarchy; devices, freezer and accounting belong to it', () => {
  const layout = layoutOf(mountTables.v2)
  expect(layout.version).toBe('v2')
  expect(new Set(Object.values(places(layout)))).toEqual(new Set(['v2 /fs']))
  expect(Object.keys(layout.where).sort()).toEqual(
    ['blkio', 'cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'hugetlb', 'memory', 'pids'].sort(),
  )
  expect(layout.unified?.enable).toEqual(['cpu', 'cpuset', 'memory', 'io', 'pids'])
})

test('the named hierarchy of systemd is entered only by an agent that is filed under a service there', () => {
  const mounts = (self: string) => layoutOf(mountTables.hybrid, self).hierarchies.map(({ mount }) => mount.slice(root.length))
  expect(mounts('9:name=systemd:/\n')).not.toContain('/systemd')
  expect(mounts('9:name=systemd:/system.slice/gantry.service\n')).toContain('/systemd')
})

test('mount points with spaces are read as the kernel escapes them', () => {
  const table = String.raw`30 25 0:30 / /sys/fs/odd\040place rw - cgroup cgroup rw,pids`
  expect(readLayout(table, '').where.pids?.mount).toBe('/sys/fs/odd place')
})

test('a machine without cgroups has none', () => {
  expect(layoutOf('27 1 254:0 / / rw - ext4 /dev/vda rw')).toMatchObject({ hierarchies: [], where: {} })
})
