import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceFile } from './atomic-file.ts'
import { WriteBehind } from './write-behind.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const onFailure = (error: unknown) => {
  throw error
}
const marker = () => existsSync(join(folder, 'unsynced.json'))

test('the marker stands from before the first write until everything is flushed', async () => {
  const seen: boolean[] = []
  let flushes = 0
  const behind = new WriteBehind(folder, { sync: async () => void flushes++, onFailure })
  const session = await behind.write(async (own) => {
    seen.push(marker())
    return own
  })
  await behind.settled([session])
  expect(seen).toEqual([true])
  expect([marker(), flushes]).toEqual([false, 1])
  expect(await behind.write(async (own) => own)).not.toBe(session)
})

test('a write during a flush is flushed by another, and only its session is waited for', async () => {
  const flushes: (() => void)[] = []
  const behind = new WriteBehind(folder, { sync: () => new Promise((resolve) => flushes.push(resolve)), onFailure })
  const session = await behind.write(async (own) => own)
  await behind.settled(['another'])
  await behind.write(async () => undefined)
  flushes[0]?.()
  const settled = behind.settled([session])
  while (flushes.length < 2) await new Promise((resolve) => setImmediate(resolve))
  expect(marker()).toBe(true)
  flushes[1]?.()
  await settled
  expect(marker()).toBe(false)
})

test('a marker that cannot be written fails the write, and the next write tries again', async () => {
  const missing = join(folder, 'missing')
  const behind = new WriteBehind(missing, { sync: async () => undefined, onFailure })
  await expect(behind.write(async () => 'done')).rejects.toMatchObject({ code: 'ENOENT' })
  mkdirSync(missing)
  expect(await behind.write(async () => 'done')).toBe('done')
})

test('the next life of the agent flushes what was left; the next boot tells what not to trust', async () => {
  const hanging = new WriteBehind(folder, { sync: () => new Promise(() => undefined), onFailure })
  const session = await hanging.write(async (own) => own)
  let flushes = 0
  const next = new WriteBehind(folder, { sync: async () => void flushes++, onFailure })
  expect(next.unsynced).toBeUndefined()
  await next.settled([session])
  expect([flushes, marker()]).toEqual([1, false])
  await replaceFile(join(folder, 'unsynced.json'), { boot: 'an earlier one', session, since: 5 })
  const rebooted = new WriteBehind(folder, { sync: async () => undefined, onFailure })
  expect(rebooted.unsynced).toMatchObject({ session, since: 5 })
  rebooted.forgive()
  expect(marker()).toBe(false)
})
