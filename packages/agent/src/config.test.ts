import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from './config.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-config-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

test('folders are made, and the instance is named after the data folder', () => {
  const first = readConfig({
    GANTRY_DATA: join(dir, 'a'),
    GANTRY_RUN: join(dir, 'run'),
    GANTRY_GID: '12',
    GANTRY_REGISTRIES: 'r:5000,,s',
  } as never)
  expect(existsSync(first.dataDir) && existsSync(first.runDir)).toBe(true)
  expect(first).toMatchObject({ logLevel: 'info', socketGid: 12, privateRegistries: ['r:5000', 's'] })
  expect(first.instanceId).toMatch(/^[0-9a-f]{4}$/)
  const second = readConfig({ GANTRY_DATA: join(dir, 'b'), GANTRY_RUN: join(dir, 'run'), GANTRY_LOG: '', GANTRY_GID: '' } as never)
  expect(second.instanceId).not.toBe(first.instanceId)
  expect(second.socketGid).toBeUndefined()
})

test.each([
  ['GANTRY_DATA', 'relative'],
  ['GANTRY_RUN', `/${'x'.repeat(80)}`],
  ['GANTRY_LOG', 'loud'],
  ['GANTRY_GID', '-1'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => readConfig({ [name]: value } as never)).toThrow(name)
})
