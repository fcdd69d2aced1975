import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogLine } from '@gantry/contracts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LogOptions, readLogs } from './read-logs.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-log-'))
  path = join(dir, 'container.log')
})
afterEach(() => rmSync(dir, { recursive: true }))

const all: LogOptions = { stdout: true, stderr: true, follow: false }
const time = (n: number) =>
  `2026-01-01T00:${String(Math.floor(n / 60) % 60).padStart(2, '0')}:${String(n % 60).padStart(2, '0')}.000000000Z`
const line = (n: number, log = `line ${n}\n`, stream = n % 3 === 0 ? 'stderr' : 'stdout') =>
  `${JSON.stringify({ log, stream, time: time(n) })}\n`
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const text = (from: number, to: number) =>
  range(from, to)
    .map((n) => line(n))
    .join('')

async function read(options: Partial<LogOptions> = {}, signal = new AbortController().signal): Promise<LogLine[]> {
  const lines: LogLine[] = []
  for await (const batch of readLogs(path, { ...all, ...options }, signal)) lines.push(...batch.lines)
  return lines
}
const numbers = (lines: readonly LogLine[]) => lines.map(({ text }) => Number(text.replace('line ', '')))

test('reads rotated files in order and takes lines apart exactly', async () => {
  const odd = [
    'a\\n',
    'quote " and \\ back\n',
    'tab\tünïcode 中文 \u{1f600}\n',
    'no end',
    '\n',
    '","stream":"stdout","time":"x"}\n',
    '\u0001\n',
    'ends in \\\n',
  ]
  writeFileSync(`${path}.2`, text(0, 3))
  writeFileSync(`${path}.1`, text(3, 5))
  writeFileSync(path, odd.map((log, i) => line(5 + i, log)).join(''))
  const lines = await read()
  expect(numbers(lines.slice(0, 5))).toEqual([0, 1, 2, 3, 4])
  expect(lines.slice(5).map(({ text, partial }) => (partial ? text : `${text}\n`))).toEqual(odd)
  expect(lines[3]).toEqual({ stream: 'stderr', time: time(3), text: 'line 3', partial: false })
  expect(lines[5 + 3]?.partial).toBe(true)
})

test('reads packed files as they were, with attributes and from the back', async () => {
  writeFileSync(`${path}.2`, text(0, 5000))
  execFileSync('gzip', [`${path}.2`])
  writeFileSync(`${path}.1`, text(5000, 5010))
  writeFileSync(path, `${JSON.stringify({ attrs: { tag: 'x' }, log: 'line 5010\n', stream: 'stdout', time: time(5010) })}\n`)
  expect(numbers(await read())).toEqual(range(0, 5011))
  expect(numbers(await read({ tail: 100 }))).toEqual(range(4911, 5011))
  expect(numbers(await read({ tail: 2, stderr: false }))).toEqual([5009, 5010])
  // Packing that was cut off leaves both: the plain file is whole.
  writeFileSync(`${path}.1.gz`, Buffer.from([0x1f, 0x8b, 8, 0]))
  expect(numbers(await read({ tail: 5 }))).toEqual(range(5006, 5011))
})

test('follow goes on where it was when the file it reads is rotated and packed', async () => {
  writeFileSync(path, text(0, 10))
  const ended = new AbortController()
  const seen: number[] = []
  for await (const { lines } of readLogs(path, { ...all, follow: true, ended: ended.signal }, new AbortController().signal)) {
    seen.push(...numbers(lines))
    if (seen.length === 10) {
      renameSync(path, `${path}.1`)
      execFileSync('gzip', [`${path}.1`])
      writeFileSync(path, text(10, 20))
    }
    if (seen.length === 20) ended.abort()
  }
  expect(seen).toEqual(range(0, 20))
})

test('an absent log and an absent folder are empty logs', async () => {
  expect(await read()).toEqual([])
  rmSync(dir, { recursive: true })
  expect(await read({ follow: true })).toEqual([])
  mkdirSync(dir)
})

test.each([0, 1, 2, 49, 50, 51, 99, 100, 500])('tail %i', async (tail) => {
  writeFileSync(`${path}.1`, text(0, 50))
  writeFileSync(path, text(50, 100))
  expect(numbers(await read({ tail }))).toEqual(range(Math.max(0, 100 - tail), 100))
})

test('tail over block borders, and of one stream', async () => {
  writeFileSync(
    path,
    range(0, 5000)
      .map((n) => line(n, `line ${n}${'x'.repeat(n % 97)}\n`))
      .join(''),
  )
  expect(await read({ tail: 2345 })).toHaveLength(2345)
  const errors = await read({ tail: 1000, stdout: false })
  expect(errors).toHaveLength(1000)
  expect(errors.every(({ stream }) => stream === 'stderr')).toBe(true)
  expect(errors.at(-1)?.text.startsWith('line 4998')).toBe(true)
})

test('since and until are inclusive, in any zone and precision', async () => {
  writeFileSync(path, text(0, 10))
  expect(numbers(await read({ since: '2026-01-01T00:00:03Z', until: '2026-01-01T01:00:06+01:00' }))).toEqual([3, 4, 5, 6])
  expect(numbers(await read({ since: time(3), tail: 2 }))).toEqual([8, 9])
  await expect(read({ since: 'yesterday' })).rejects.toMatchObject({ code: 'invalid_input', message: 'since yesterday is not a time' })
})

test('a line torn by a crash is skipped, the one written behind it is not', async () => {
  writeFileSync(path, line(0) + line(1).slice(0, 20) + line(2) + line(3).slice(0, 15))
  expect(numbers(await read())).toEqual([0, 2])
  writeFileSync(path, line(0) + line(1).slice(0, -1))
  expect(numbers(await read())).toEqual([0, 1])
})

test('follow: nothing lost or doubled over rotations, torn writes and slow readers', async () => {
  const ended = new AbortController()
  const done = read({ follow: true, ended: ended.signal })
  let n = 0
  for (let file = 0; file < 30; file++) {
    for (let write = 0; write < 20; write++) {
      const chunk = text(n, n + 7)
      n += 7
      const cut = (write * 131) % chunk.length
      appendFileSync(path, chunk.slice(0, cut))
      if (write % 5 === 0) await new Promise(setImmediate)
      appendFileSync(path, chunk.slice(cut))
    }
    for (let turn = 0; turn < file % 4; turn++) await new Promise(setImmediate)
    for (let old = 40; old > 0; old--) {
      try {
        renameSync(old > 1 ? `${path}.${old - 1}` : path, `${path}.${old}`)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOENT' })
      }
    }
    writeFileSync(path, '')
  }
  appendFileSync(path, text(n, n + 3))
  ended.abort()
  expect(numbers(await done)).toEqual(range(0, n + 3))
})

test('follow: lines come as they are written, until the reader leaves', async () => {
  const leave = new AbortController()
  const reader = readLogs(path, { ...all, follow: true, tail: 1 }, leave.signal)
  writeFileSync(path, text(0, 3))
  expect((await reader.next()).value?.lines, 'the log is open').toEqual([])
  expect((await reader.next()).value?.lines.map((l: LogLine) => l.text)).toEqual(['line 2'])
  const next = reader.next()
  appendFileSync(path, line(3).slice(0, 10))
  appendFileSync(path, line(3).slice(10))
  expect((await next).value?.lines.map((l: LogLine) => l.text)).toEqual(['line 3'])
  const last = reader.next()
  leave.abort()
  expect((await last).done).toBe(true)
})

test('follow: a log of one file is emptied in place when it is full, and goes on from its beginning', async () => {
  const leave = new AbortController()
  writeFileSync(path, text(0, 100))
  const reader = readLogs(path, { ...all, follow: true, tail: 1 }, leave.signal)
  expect((await reader.next()).value?.lines, 'the log is open').toEqual([])
  expect(numbers((await reader.next()).value?.lines ?? [])).toEqual([99])
  const next = reader.next()
  writeFileSync(path, line(100))
  expect(numbers((await next).value?.lines ?? [])).toEqual([100])
  leave.abort()
  expect((await reader.next()).done).toBe(true)
})

test('follow ends at until', async () => {
  const done = read({ follow: true, until: time(5) })
  writeFileSync(path, text(0, 5))
  appendFileSync(path, text(5, 9))
  expect(numbers(await done)).toEqual([0, 1, 2, 3, 4, 5])
})

test('what is not a log does not hang or grow: a huge line is passed over', async () => {
  writeFileSync(path, '')
  truncateSync(path, 9 * 1024 * 1024)
  appendFileSync(path, `\n${text(0, 2)}`)
  expect(numbers(await read())).toEqual([0, 1])
})
