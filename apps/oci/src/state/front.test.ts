import { expect, test } from 'vitest'
import type { Record } from './container.ts'
import { frontOps } from './front.ts'

const record: Record = {
  ociVersion: '1.2.0',
  id: 'pid4194305',
  bundle: '/b/"status":"running"',
  rootfs: '/b/rootfs',
  created: '2026-01-02T03:04:05.678Z',
  owner: '',
  annotations: { pid: '4194305', status: 'running' },
  cgroup: {
    path: '/p/c',
    parents: ['/cg/freezer/p'],
    hierarchies: [
      { mount: '/cg/freezer', version: 1, controllers: ['freezer'] },
      { mount: '/cg/unified', version: 2, controllers: [] },
    ],
  },
  hooks: { poststart: [], poststop: [{ path: '/h' }] },
  creator: { pid: 1, startTicks: 1 },
  pid: 77,
  startTicks: 88,
}
const find = (name: string, of = record) => frontOps(of).filter((op) => op[0] === name)

test('the texts come back whole around what is not known yet', () => {
  const [, before = '', between = '', after = ''] = find('state')[0] ?? []
  expect(JSON.parse(`${before}paused${between}12${after}`)).toMatchObject({
    id: record.id,
    status: 'paused',
    pid: 12,
    annotations: record.annotations,
  })
  const [, start = '', middle = '', end = ''] = find('row')[0] ?? []
  expect(JSON.parse(`${start}0${middle}stopped${end}`)).toMatchObject({ id: record.id, status: 'stopped', pid: 0, bundle: record.bundle })
})

test('groups, freezer and hooks', () => {
  expect(find('process')).toEqual([['process', '77', '88']])
  expect(find('group').map((op) => op[1])).toEqual(['/cg/freezer/p/c', '/cg/unified/p/c'])
  expect(find('parent')).toEqual([['parent', '/cg/freezer/p']])
  expect(find('kill')).toEqual([['kill', '/cg/unified/p/c/cgroup.kill']])
  expect(find('hooks')).toEqual([['hooks', 'poststop']])
  expect(find('freezer')).toEqual([['freezer', 'v1', '/cg/freezer/p/c/freezer.state']])
  const unified = { ...record, cgroup: { ...record.cgroup, hierarchies: record.cgroup.hierarchies.slice(1) } }
  expect(find('freezer', unified)).toEqual([['freezer', 'v2', '/cg/unified/p/c/cgroup.freeze', '/cg/unified/p/c/cgroup.events']])
})
