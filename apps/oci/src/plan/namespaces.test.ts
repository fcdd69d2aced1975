import { expect, test } from 'vitest'
import type { NamespaceType } from '../config/linux.ts'
import { hostId, planNamespaces } from './namespaces.ts'

const maps = [
  { containerID: 0, hostID: 100_000, size: 1000 },
  { containerID: 1000, hostID: 5000, size: 1 },
]
const list = (...types: (NamespaceType | [NamespaceType, string])[]) =>
  types.map((entry) => (typeof entry === 'string' ? { type: entry } : { type: entry[0], path: entry[1] }))
const ops = (linux: Parameters<typeof planNamespaces>[0]) => planNamespaces(linux).sections.flatMap((section) => section.ops)

test('fresh ones are made, those with a path joined, the user namespace first', () => {
  const namespaces = list('mount', ['network', '/run/netns/a'], 'pid', 'user', 'time')
  expect(ops({ namespaces, uidMappings: maps, gidMappings: maps, timeOffsets: { boottime: { secs: 5 } } })).toEqual([
    ['userns.map', '0 100000 1000\n1000 5000 1\n', '0 100000 1000\n1000 5000 1\n'],
    ['ns.path', '/run/netns/a'],
    ['mntns.new'],
    ['pidns.new'],
    ['timens.new', 'boottime 5 0\n'],
  ])
  expect(ops({ namespaces: list('mount', ['user', '/proc/1/ns/user']) })).toEqual([['userns.path', '/proc/1/ns/user'], ['mntns.new']])
})

test.each([
  ['listed twice', { namespaces: list('mount', 'pid', 'pid') }],
  ['a mount namespace is needed', { namespaces: list('pid') }],
  ['id mappings need a user namespace', { namespaces: list('mount'), uidMappings: maps }],
  ['needs uidMappings and gidMappings', { namespaces: list('mount', 'user'), uidMappings: maps }],
  ['time offsets need a new time namespace', { namespaces: list('mount', ['time', '/x']), timeOffsets: { monotonic: {} } }],
])('refuses: %s', (words, linux) => {
  expect(() => planNamespaces(linux)).toThrow(words)
})

test('ids as the host has them', () => {
  expect([0, 999, 1000, 1001].map((id) => hostId(maps, id))).toEqual([100_000, 100_999, 5000, undefined])
  expect(hostId([], 7)).toBe(7)
})
