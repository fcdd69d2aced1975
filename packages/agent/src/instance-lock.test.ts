import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockInstance } from './instance-lock.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-lock-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

test('a second lock is refused while the first is held, and nothing is left after it', () => {
  const unlock = lockInstance(dir)
  expect(() => lockInstance(dir)).toThrow(`another agent (pid ${process.pid}) works on ${dir}`)
  unlock()
  expect(readdirSync(dir)).toEqual([])
  lockInstance(dir)()
})

test('the lock of a process that is gone, of a reused pid, and rubbish are taken over', () => {
  const dead = [
    JSON.stringify({ pid: 2 ** 22 - 1, start: 'boot 1' }),
    JSON.stringify({ pid: process.pid, start: 'another boot 1' }),
    '{"pid":',
    '',
    'null ',
  ]
  for (const text of dead) {
    writeFileSync(join(dir, 'agent.lock'), text)
    const unlock = lockInstance(dir)
    expect(readdirSync(dir)).toEqual(['agent.lock'])
    unlock()
  }
})
