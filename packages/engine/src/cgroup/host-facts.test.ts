import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHostFacts } from './host-facts.ts'

let sys: string
beforeAll(() => {
  sys = mkdtempSync(join(tmpdir(), 'gantry-sys-'))
  for (const dir of [
    'dev/block/8:0',
    'dev/block/8:1',
    'devices/system/cpu',
    'kernel/mm/hugepages/hugepages-2048kB',
    'kernel/mm/hugepages/hugepages-1048576kB',
    'kernel/mm/hugepages/hugepages-64kB',
  ]) {
    mkdirSync(join(sys, dir), { recursive: true })
  }
  writeFileSync(join(sys, 'dev/block/8:1/partition'), '1\n')
  writeFileSync(join(sys, 'devices/system/cpu/online'), '0-3,6\n')
})
afterAll(() => rmSync(sys, { recursive: true }))

test('cpus, nodes and huge pages', () => {
  const facts = createHostFacts(sys)
  expect(facts.onlineCpus()).toBe('0-3,6')
  expect(facts.onlineMems()).toBe('0')
  expect(facts.hugePageSizes().sort()).toEqual(['1GB', '2MB', '64KB'])
})

test.each([
  ['8:1', '8:1 is a partition'],
  ['9:9', '9:9 is not a block device of this machine'],
  ['/dev/null', '/dev/null is not a block device'],
  ['/dev/no-such-disk', '/dev/no-such-disk does not exist'],
])('%s is no disk to limit', (device, message) => {
  expect(() => createHostFacts(sys).disk(device)).toThrow(expect.objectContaining({ code: 'invalid_input', message }))
})

test('a disk is told by its numbers', () => {
  expect(createHostFacts(sys).disk('8:0')).toBe('8:0')
})
