import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { containerSpecSchema } from '@gantry/contracts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFile } from '../lib/atomic-file.ts'
import { Operations } from '../lib/operations.ts'
import { signalNumber } from '../lib/signals.ts'
import { rfc3339 } from '../lib/time.ts'
import { stdcopyFrame } from '../lib/stdcopy.ts'
import { matchesLabels } from '../lib/labels.ts'
import { Container } from './container.ts'
import { Journal, readOpenEntries } from './journal.ts'
import { randomName } from './names.ts'
import type { ContainerRecord } from './record.ts'
import { ContainerStore } from './store.ts'
import { mergeResources } from './update.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-container-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

describe('journal', () => {
  test('what has begun and not ended is found again, also by a second recovery', () => {
    const path = join(dir, 'journal')
    const first = Journal.open(path).journal
    const create = first.begin('create', 'a')
    first.begin('start', 'b')
    first.begin('remove', 'c')
    first.end(create)
    first.close()
    const expected = [
      { verb: 'start', containerId: 'b' },
      { verb: 'remove', containerId: 'c' },
    ]
    const killedRecovery = Journal.open(path)
    expect(killedRecovery.unfinished).toEqual(expected)
    killedRecovery.journal.close()
    const recovery = Journal.open(path)
    expect(recovery.unfinished).toEqual(expected)
    recovery.journal.endAll()
    recovery.journal.close()
    expect(Journal.open(path).unfinished).toEqual([])
  })

  test('a torn last line has not begun, and rubbish is skipped', () => {
    expect(readOpenEntries('+ 1 create a\nrubbish\n\n- 9\n+ 2 start b\n+ 3 rem')).toEqual([
      { verb: 'create', containerId: 'a' },
      { verb: 'start', containerId: 'b' },
    ])
  })

  test('it does not grow for ever', () => {
    const path = join(dir, 'journal')
    const { journal } = Journal.open(path)
    for (let i = 0; i < 30_000; i++) journal.end(journal.begin('start', 'a'.repeat(64)))
    expect(readFileSync(path).length).toBeLessThan(1_100_000)
    journal.close()
  })
})

function record(id: string, name: string, projectId = 'p'): ContainerRecord {
  const spec = containerSpecSchema.parse({ image: 'busybox' })
  const image = { id: 'sha256:x', reference: 'busybox:latest', layers: [] }
  return { version: 1, id, projectId, name, createdAt: rfc3339(), spec, args: ['sh'], image, idBase: 1 << 20, mounts: [], warnings: [] }
}
const hex = (digits: string) => digits.padEnd(64, '0')

describe('store', () => {
  const open = () => new ContainerStore(dir, () => {})

  test('finds by id, name and unambiguous prefix, in one project only', () => {
    const store = open()
    for (const [id, name, project] of [
      ['aa1', 'web', 'p'],
      ['aa2', 'db', 'p'],
      ['bb1', 'web', 'q'],
    ] as const) {
      store.add(new Container(record(hex(id), name, project)))
    }
    expect(store.find('p', 'web').id).toBe(hex('aa1'))
    expect(store.find('q', 'web').id).toBe(hex('bb1'))
    expect(store.find('p', 'aa2').name).toBe('db')
    expect(() => store.find('p', 'aa')).toThrow('ambiguous')
    const texts = ['bb1', hex('bb1'), 'nothing'].map((reference) => {
      try {
        store.find('p', reference)
      } catch (error) {
        return (error as Error).message.replace(reference, 'X')
      }
      return 'found'
    })
    expect(texts).toEqual(Array(3).fill('no such container: X'))
    expect(() => store.find('unknown', 'web')).toThrow('no such container: web')
  })

  test('a name is taken from its reservation on', () => {
    const store = open()
    store.reserveName('p', 'web', 'a')
    expect(() => store.reserveName('p', 'web', 'b')).toThrow('already in use')
    store.reserveName('q', 'web', 'b')
    store.releaseName('p', 'web', 'b')
    expect(store.nameTaken('p', 'web')).toBe(true)
    store.releaseName('p', 'web', 'a')
    expect(store.nameTaken('p', 'web')).toBe(false)
  })

  test('what was saved is loaded; folders without a whole record are reported; a damaged state is kept aside', async () => {
    const store = open()
    for (const id of ['a1', 'a2', 'a3', 'a4'].map(hex)) {
      await import('node:fs/promises').then((fs) => fs.mkdir(store.folder(id)))
    }
    const running = new Container(record(hex('a1'), 'one'))
    running.state = { ...running.state, status: 'running', startedAt: rfc3339() }
    running.stoppedByUser = true
    await createFile(`${store.folder(hex('a1'))}/spec.json`, running.record)
    await store.saveState(running, { durable: true })
    await createFile(`${store.folder(hex('a2'))}/spec.json`, record(hex('a2'), 'two'))
    writeFileSync(`${store.folder(hex('a2'))}/state.json`, '{"half')
    writeFileSync(`${store.folder(hex('a3'))}/spec.json`, 'sha256:00\n{}\n')
    const again = open()
    expect(again.load().uncommitted.sort()).toEqual([hex('a3'), hex('a4')])
    expect(again.find('p', 'one')).toMatchObject({ state: running.state, stoppedByUser: true })
    expect(again.find('p', 'two').state).toMatchObject({ status: 'exited', exitCode: 255 })
  })
})

test('a container refuses verbs by the transition table, in words', () => {
  const container = new Container(record(hex('a1'), 'web'))
  container.require('start')
  expect(() => container.require('stop')).toThrow('cannot stop container web: it is created')
})

test('waiters are told once, and a lost caller is forgotten', async () => {
  const container = new Container(record(hex('a1'), 'web'))
  const never = new AbortController().signal
  expect(await container.wait('not-running', never)).toEqual({ exitCode: 0, oomKilled: false, error: '' })
  container.state.status = 'running'
  const waits = [container.wait('not-running', never), container.wait('next-exit', never)]
  const abort = new AbortController()
  const lost = container.wait('next-exit', abort.signal)
  abort.abort(new Error('gone'))
  await expect(lost).rejects.toThrow('gone')
  container.state.exitCode = 3
  container.notify('next-exit', 'not-running')
  expect((await Promise.all(waits)).map((status) => status.exitCode)).toEqual([3, 3])
})

test('names are docker-like and avoid what is taken', () => {
  expect(randomName(() => false)).toMatch(/^[a-z]+_[a-z]+$/)
  let asked = 0
  expect(randomName(() => asked++ < 8)).toMatch(/^[a-z]+_[a-z]+\d+$/)
})

test('update replaces what is named, and the newer cpu limit wins', () => {
  expect(mergeResources({ nanoCpus: 1e9, pidsLimit: 5 }, { cpuQuotaUs: 2000 })).toEqual({
    nanoCpus: undefined,
    pidsLimit: 5,
    cpuQuotaUs: 2000,
  })
  expect(mergeResources({ cpuQuotaUs: 2000, cpuPeriodUs: 1000 }, { nanoCpus: 1e9 })).toEqual({
    nanoCpus: 1e9,
    cpuQuotaUs: undefined,
    cpuPeriodUs: undefined,
  })
  expect(mergeResources({ nanoCpus: 1e9, memoryBytes: 1e8, memorySwapBytes: 2e8, pidsLimit: 5 }, { memoryBytes: null })).toEqual({
    nanoCpus: 1e9,
    pidsLimit: 5,
  })
  expect(mergeResources({ nanoCpus: 1e9, pidsLimit: 5, cpusetCpus: '0' }, { nanoCpus: null, pidsLimit: null, cpusetCpus: null })).toEqual({
    pidsLimit: -1,
  })
  expect(mergeResources({ cpuQuotaUs: 2000, cpuPeriodUs: 1000 }, { cpuQuotaUs: null })).toEqual({})
  expect(() => mergeResources({ memorySwapBytes: 1e8 }, { memoryBytes: 2e8 })).toThrow('exceeds the limit on memory and swap')
})

test('signals by name and number', () => {
  expect(['SIGTERM', 'term', '15', 'KILL', 'RTMIN', 'SIGRTMAX-2', '64'].map(signalNumber)).toEqual([15, 15, 15, 9, 34, 62, 64])
  for (const bad of ['0', '65', 'SIGNONE', 'RTMIN+31', 'RTMAX+1', '']) expect(() => signalNumber(bad), bad).toThrow('invalid signal')
})

test('a repeated operation gives the first result, a failed one runs again', async () => {
  const operations = new Operations<number>()
  let runs = 0
  const work = async () => ++runs
  expect(await Promise.all([operations.run('k', work), operations.run('k', work)])).toEqual([1, 1])
  expect(await operations.run(undefined, work)).toBe(2)
  await expect(operations.run('f', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await operations.run('f', work)).toBe(3)
})

test('times have nanoseconds, frames have docker headers, labels match by key or value', () => {
  expect(rfc3339(1_700_000_000_123_456_789n)).toBe('2023-11-14T22:13:20.123456789Z')
  expect(stdcopyFrame('stderr', Buffer.from('hi'))).toEqual(Buffer.from([2, 0, 0, 0, 0, 0, 0, 2, 104, 105]))
  expect(matchesLabels({ a: '1' }, ['a', 'a=1'])).toBe(true)
  expect(matchesLabels({ a: '1' }, ['a=2'])).toBe(false)
  expect(matchesLabels({}, ['constructor'])).toBe(false)
})
