import type { Progress } from '@gantry/contracts'
import { expect, test } from 'vitest'
import { ProgressQueue, reporting } from './progress-queue.ts'
import { tarHeader, tarPadding } from './tar.ts'

test('unread lines about bytes of one layer are replaced, all others are kept in order', async () => {
  const queue = new ProgressQueue()
  queue.push({ status: 'resolving' })
  for (let current = 0; current < 1000; current++) for (const id of ['a', 'b']) queue.push({ id, status: 'downloading', current })
  queue.push({ id: 'a', status: 'complete' })
  queue.end()
  const lines: Progress[] = []
  for await (const line of queue) lines.push(line)
  expect(lines).toEqual([
    { status: 'resolving' },
    { id: 'a', status: 'downloading', current: 999 },
    { id: 'b', status: 'downloading', current: 999 },
    { id: 'a', status: 'complete' },
  ])
})

test('a failure comes after the lines before it', async () => {
  const lines = reporting(new AbortController().signal, async (_signal, report) => {
    report({ status: 'resolving' })
    throw new Error('broken')
  })
  expect((await lines.next()).value).toEqual({ status: 'resolving' })
  await expect(lines.next()).rejects.toThrow('broken')
})

test('leaving the loop cancels the work and waits for its end', async () => {
  let cleaned = false
  const lines = reporting(new AbortController().signal, async (signal, report) => {
    report({ status: 'resolving' })
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    cleaned = true
  })
  for await (const _ of lines) break
  expect(cleaned).toBe(true)
})

test('tar headers hold names, sizes of any length and a right checksum', () => {
  const header = tarHeader('blobs/sha256/abc', 1234)
  expect(header.toString('latin1', 0, 16)).toBe('blobs/sha256/abc')
  expect(Number.parseInt(header.toString('latin1', 124, 135), 8)).toBe(1234)
  const blank = Buffer.from(header)
  blank.fill(0x20, 148, 156)
  expect(Number.parseInt(header.toString('latin1', 148, 154), 8)).toBe(blank.reduce((sum, byte) => sum + byte, 0))
  const large = tarHeader('x', 9 * 1024 ** 3)
  expect([large[124], large.readBigUInt64BE(128)]).toEqual([0x80, BigInt(9 * 1024 ** 3)])
  expect([tarPadding(0).length, tarPadding(1).length, tarPadding(512).length]).toEqual([0, 511, 0])
})
