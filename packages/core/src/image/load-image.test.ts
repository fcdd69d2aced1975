import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type ByteChannel, GantryError, type OutputOf } from '@gantry/contracts'
import { listAuditEntries, listHoldings } from '@gantry/db'
import { expect, it } from 'vitest'
import { type TestBackend, testBackend } from '../testing/index.ts'
import { uploadImage } from './load-image.ts'

const ids = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`)

/** An agent that takes any archive, asks for leave for the images that are next, and has them when it gets it. */
async function withArchives(test: TestBackend, ...archives: string[][]) {
  const path = join(test.file, '..', `bulk-${Math.random()}.sock`)
  let received = 0
  const server = createServer((socket) => {
    socket.write('.')
    socket.on('data', (chunk) => {
      received += chunk.length
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  test.agent.duplexes['image.load'] = (_input, signal) => {
    const images = archives.shift() ?? []
    let loaded: (value: OutputOf<'image.load'>) => void = () => undefined
    const result = new Promise<OutputOf<'image.load'>>((resolve, reject) => {
      loaded = resolve
      signal.addEventListener('abort', () => reject(new GantryError('cancelled', 'image.load was cancelled')))
    })
    const socket = connect({ path, allowHalfOpen: true })
    const arrived = once(socket, 'end')
    const bulk = once(socket, 'data').then((): Socket => socket)
    async function* lines() {
      await arrived
      yield Buffer.from(`{"status":"downloading","current":1}\n{"admit":${JSON.stringify(images)}}\n`)
    }
    const write: ByteChannel['write'] = async () => {
      loaded({ references: ['a:1'], ids: images })
    }
    return { channel: { incoming: lines(), write, end: () => undefined, bulk }, result }
  }
  return { received: () => received, [Symbol.dispose]: () => void server.close() }
}

const load = (test: TestBackend, caller: Parameters<typeof uploadImage>[1]) =>
  uploadImage(test.backend, caller, 'shop', {
    archive: (async function* () {
      yield Buffer.alloc(100_000)
    })(),
    onProgress: () => undefined,
    signal: new AbortController().signal,
  })

it('admits all images of an archive or none, before any can be seen', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', { images: 2 }, { [ann.user.id]: 'developer' })
  using agent = await withArchives(test, ids, ids.slice(0, 2))
  await expect(load(test, ann)).rejects.toMatchObject({ code: 'quota_exceeded', detail: { limit: '2', asked: '3' } })
  expect(await listHoldings(test.backend.db.read)).toEqual([])
  await load(test, ann)
  expect(agent.received()).toBeGreaterThanOrEqual(100_000)
  const held = async () => (await listHoldings(test.backend.db.read)).map(({ key, state }) => `${key.slice(7, 8)} ${state}`).sort()
  expect(await held()).toEqual(['1 present', '2 present'])
  const log = await listAuditEntries(test.backend.db.read, 'all', {}, { limit: 10 })
  expect(log.map(({ verb, outcome }) => `${verb} ${outcome}`)).toEqual(['image.load success', 'image.load denied'])
})

it('gives two archives at the same time no more than there is', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', { images: 3 }, { [ann.user.id]: 'developer' })
  using _agent = await withArchives(test, ids.slice(0, 2), [`sha256:${'4'.repeat(64)}`, `sha256:${'5'.repeat(64)}`])
  const outcomes = await Promise.allSettled([load(test, ann), load(test, ann)])
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(await listHoldings(test.backend.db.read)).toHaveLength(2)
})
