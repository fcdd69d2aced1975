import { describe, expect, it } from 'vitest'
import { filterContainers, type ListFilter, parseSort } from './list-filter.ts'

const state = (status: 'running' | 'exited') => ({
  status,
  pid: 0,
  exitCode: 0,
  error: '',
  oomKilled: false,
  startedAt: '',
  finishedAt: '',
  restartCount: 0,
})
const containers = [
  {
    name: 'web',
    image: 'nginx:1',
    id: 'aa11',
    command: ['nginx'],
    labels: { tier: 'front', 'com.x/y': 'a=b' } as Record<string, string>,
    state: state('running'),
  },
  {
    name: 'db',
    image: 'postgres:17',
    id: 'bb22',
    command: ['postgres', '-c', 'fsync=on'],
    labels: { tier: 'back' } as Record<string, string>,
    state: state('running'),
  },
  { name: 'job', image: 'busybox', id: 'cc33', command: ['sh'], labels: {} as Record<string, string>, state: state('exited') },
]
const names = (filter: Partial<ListFilter>) =>
  filterContainers(containers, { q: '', status: [], image: '', label: '', ...filter }).map((c) => c.name)

describe('filterContainers', () => {
  it('matches every word somewhere, ignoring case', () => {
    expect(names({ q: 'WEB' })).toEqual(['web'])
    expect(names({ q: 'postgres fsync' })).toEqual(['db'])
    expect(names({ q: 'cc3' })).toEqual(['job'])
    expect(names({ q: '' })).toHaveLength(3)
  })
  it('combines status, image and label', () => {
    expect(names({ status: ['running'] })).toEqual(['web', 'db'])
    expect(names({ status: ['running', 'exited'], image: 'busybox' })).toEqual(['job'])
    expect(names({ label: 'tier' })).toEqual(['web', 'db'])
    expect(names({ label: 'tier=back' })).toEqual(['db'])
    expect(names({ label: 'com.x/y=a=b' })).toEqual(['web'])
    expect(names({ label: 'tier=' })).toEqual([])
  })
})

it('reads the direction of a sort', () => {
  expect(parseSort('-cpu')).toEqual({ id: 'cpu', desc: true })
  expect(parseSort('name')).toEqual({ id: 'name', desc: false })
})
