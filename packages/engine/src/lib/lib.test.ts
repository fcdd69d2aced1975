import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFile, readStateFile, replaceFile, replaceFileSync, setAside } from './atomic-file.ts'
import { withDeadline } from './deadline.ts'
import { KeyedLock } from './keyed-lock.ts'
import { UndoStack } from './undo.ts'

describe('undo stack', () => {
  test('runs the inverses last first, past one that fails', async () => {
    const done: string[] = []
    const failed: string[] = []
    const undo = new UndoStack()
    undo.push('a', () => done.push('a'))
    undo.push('b', () => {
      throw new Error('b')
    })
    undo.push('c', async () => done.push('c'))
    await undo.run((name) => failed.push(name))
    expect(done).toEqual(['c', 'a'])
    expect(failed).toEqual(['b'])
  })

  test('does nothing after discard', async () => {
    const undo = new UndoStack()
    undo.push('a', () => expect.unreachable())
    undo.discard()
    await undo.run(() => expect.unreachable())
  })
})

describe('keyed lock', () => {
  test('runs holders of one key one after the other, in order, and others at once', async () => {
    const lock = new KeyedLock()
    const log: string[] = []
    const work = (key: string, name: string) =>
      lock.run(key, async () => {
        log.push(`${name}+`)
        await new Promise((resolve) => setImmediate(resolve))
        log.push(`${name}-`)
      })
    await Promise.all([work('x', '1'), work('x', '2'), work('y', '3'), work('x', '4')])
    expect(log.filter((entry) => !entry.startsWith('3'))).toEqual(['1+', '1-', '2+', '2-', '4+', '4-'])
    expect(log.indexOf('3+')).toBeLessThan(log.indexOf('1-'))
    expect(lock.busy('x')).toBe(false)
  })

  test('a failing holder frees the key', async () => {
    const lock = new KeyedLock()
    await expect(lock.run('x', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await lock.run('x', async () => 1)).toBe(1)
  })
})

describe('deadline', () => {
  test('rejects with timeout, aborts the work, and passes results through', async () => {
    let seen: AbortSignal | undefined
    const never = withDeadline('waiting', 5, (signal) => {
      seen = signal
      return new Promise(() => {})
    })
    await expect(never).rejects.toMatchObject({ code: 'timeout', message: 'waiting took longer than 5 ms' })
    expect(seen?.aborted).toBe(true)
    expect(await withDeadline('quick', 1000, async () => 7)).toBe(7)
    await expect(withDeadline('gone', 1000, () => new Promise(() => {}), AbortSignal.abort(new Error('away')))).rejects.toThrow('away')
  })
})

describe('state files', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-lib-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  test('what is written can be read back, and nothing else is left', async () => {
    const path = join(dir, 'state.json')
    expect(readStateFile(path)).toEqual({ kind: 'missing' })
    await createFile(path, { n: 1 })
    expect(readStateFile(path)).toEqual({ kind: 'value', value: { n: 1 } })
    await replaceFile(path, { n: 2, text: 'zeile\nµ' })
    expect(readStateFile(path)).toEqual({ kind: 'value', value: { n: 2, text: 'zeile\nµ' } })
    await replaceFile(path, { n: 3 }, { durable: false })
    replaceFileSync(path, { n: 4 })
    expect(readStateFile(path)).toEqual({ kind: 'value', value: { n: 4 } })
    expect(readdirSync(dir)).toEqual(['state.json'])
    await expect(createFile(path, {})).rejects.toMatchObject({ code: 'EEXIST' })
  })

  test('every truncation and every flipped byte is noticed', async () => {
    const path = join(dir, 'state.json')
    await createFile(path, { name: 'web', n: 12 })
    const good = readFileSync(path)
    for (let length = 0; length < good.length; length++) {
      writeFileSync(path, good.subarray(0, length))
      expect(readStateFile(path).kind, `cut to ${length}`).toBe('damaged')
    }
    for (let at = 0; at < good.length - 1; at++) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] as number) ^ 1
      writeFileSync(path, bad)
      expect(readStateFile(path).kind, `byte ${at}`).toBe('damaged')
    }
  })

  test('a damaged file is kept beside', () => {
    const path = join(dir, 'state.json')
    writeFileSync(path, 'rubbish')
    const aside = setAside(path)
    expect(readFileSync(aside, 'utf8')).toBe('rubbish')
    expect(readStateFile(path).kind).toBe('missing')
  })
})
