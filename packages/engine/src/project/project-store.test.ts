import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { overlaps, pickIdBase, readSubordinateIds } from './id-range.ts'
import { ProjectStore } from './project-store.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-project-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

test('ranges are disjoint, aligned, above the machine and below 2^31, and stay with their project', async () => {
  const store = new ProjectStore(dir, 'abcd')
  const bases = new Set<number>()
  for (let i = 0; i < 100; i++) bases.add((await store.put({ id: `p${i}`, resources: {} })).idBase)
  expect(bases.size).toBe(100)
  for (const base of bases) {
    expect(base % 65536).toBe(0)
    expect(base).toBeGreaterThanOrEqual(16 * 65536)
    expect(base + 65536).toBeLessThanOrEqual(2 ** 31)
  }
  const again = new ProjectStore(dir, 'abcd')
  expect(again.list()).toEqual(store.list())
  expect((await again.put({ id: 'p7', resources: { pidsLimit: 9 } })).idBase).toBe(store.get('p7').idBase)
  await again.delete('p7')
  expect(() => again.get('p7')).toThrow('no such project: p7')
})

test('instances that know nothing of each other get different ranges for the same project', () => {
  const bases = ['0000', '0001', 'beef'].map((instance) => pickIdBase(instance, 'default', () => false))
  expect(new Set(bases).size).toBe(3)
})

test('ranges of the machine and of other projects are stepped over; none left is said', () => {
  const free = pickIdBase('abcd', 'p', () => false)
  expect(pickIdBase('abcd', 'p', (base) => base === free)).not.toBe(free)
  expect(() => pickIdBase('abcd', 'p', () => true)).toThrow('no range')
  writeFileSync(join(dir, 'subuid'), 'user:100000:65536\nbroken\n')
  const others = readSubordinateIds([join(dir, 'subuid'), join(dir, 'missing')])
  expect(others).toEqual([{ first: 100_000, count: 65_536 }])
  expect([0, 65_536, 131_072, 196_608].map((base) => overlaps(base, others))).toEqual([false, true, true, false])
})

test('a damaged list of projects is kept aside and stops the agent: ids must not be given anew', () => {
  writeFileSync(join(dir, 'projects.json'), 'sha256:00\n{}\n')
  expect(() => new ProjectStore(dir, 'abcd')).toThrow('is damaged')
})
