import { EventEmitter, on } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { containerSpecSchema } from '@gantry/contracts'
import { findProject, hasHolding, insertOperation, listAuditEntries, listHoldings, listOperations, reserveHoldings } from '@gantry/db'
import { expect, it } from 'vitest'
import { createContainer } from '../container/create-container.ts'
import { testBackend } from '../testing/index.ts'
import { keepReconciled, reconcile } from './reconcile.ts'

it('settles what a gateway that died had begun, and gives its room back', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', { containers: 1 }, { [ann.user.id]: 'developer' })
  const about = {
    verb: 'container.create',
    projectId: 'shop',
    actorId: ann.user.id,
    actor: ann.user.email,
    address: '10.0.0.1',
    object: 'container web',
    parameters: '{}',
  }
  await test.backend.db.transaction(async (tx) => {
    await insertOperation(tx, { id: 'dead', ...about })
    await reserveHoldings(tx, { projectId: 'shop', operationId: 'dead', createdById: ann.user.id, kind: 'container', keys: ['dead'] })
  })
  const create = () => createContainer.execute(test.backend, ann, { projectId: 'shop', spec: { image: 'busybox' } })
  await expect(create()).rejects.toMatchObject({ code: 'quota_exceeded' })
  await reconcile(test.backend)
  expect(await listOperations(test.backend.db.read)).toEqual([])
  expect(await listAuditEntries(test.backend.db.read, 'all', { outcome: 'failed' }, { limit: 10 })).toMatchObject([
    { ...about, error: expect.stringContaining('cut short, outcome unknown') },
  ])
  await create()
})

it('leaves running operations and their reservations alone', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', {}, { [ann.user.id]: 'developer' })
  test.agent.before = async (method) => {
    if (method === 'container.create') {
      test.agent.before = () => undefined
      await reconcile(test.backend)
    }
  }
  const { id } = await createContainer.execute(test.backend, ann, { projectId: 'shop', spec: { image: 'busybox' } })
  expect(await listHoldings(test.backend.db.read)).toMatchObject([{ key: id, state: 'present', createdById: ann.user.id }])
  expect(await listAuditEntries(test.backend.db.read, 'all', {}, { limit: 10 })).toMatchObject([{ outcome: 'success' }])
})

it('adopts what was made past the panel and strikes off what is gone', async () => {
  await using test = await testBackend()
  await test.project('shop')
  const made = test.agent.makeContainer(
    'shop',
    containerSpecSchema.parse({ image: 'busybox', mounts: [{ type: 'volume', source: 'data', target: '/data' }] }),
  )
  test.agent.images.set('i', { projectId: 'shop', id: `sha256:${'1'.repeat(64)}`, reference: 'mine' })
  test.agent.images.set('b', { projectId: 'system', id: `sha256:${'2'.repeat(64)}`, reference: 'busybox' })
  await reconcile(test.backend)
  const keys = async () => (await listHoldings(test.backend.db.read)).map(({ kind, key }) => `${kind} ${key}`).sort()
  expect(await keys()).toEqual([`container ${made.id}`, `image sha256:${'1'.repeat(64)}`, 'volume data'])
  test.agent.containers.clear()
  await reconcile(test.backend)
  expect(await keys()).toEqual([`image sha256:${'1'.repeat(64)}`, 'volume data'])
})

it('makes the agent hold the limits that the database says, and adopts projects', async () => {
  await using test = await testBackend()
  await test.project('shop', { memoryBytes: 64 * 1024 ** 2, pids: 50 })
  test.agent.projects.set('cli', { nanoCpus: 5e8 })
  await reconcile(test.backend)
  expect(test.agent.projects.get('shop')).toEqual({ memoryBytes: 64 * 1024 ** 2, memorySwapBytes: 64 * 1024 ** 2, pidsLimit: 50 })
  expect(await findProject(test.backend.db.read, 'cli')).toMatchObject({ name: 'cli', nanoCpus: 500_000_000n })
  const applied = test.agent.asked('project.apply').length
  await reconcile(test.backend)
  expect(test.agent.asked('project.apply')).toHaveLength(applied)
})

it('lists a project on an event only when what it tells is not written down', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', {}, { [ann.user.id]: 'developer' })
  const told = new EventEmitter()
  test.agent.streams['system.events'] = async function* (_, signal) {
    for await (const [event] of on(told, 'event', { signal })) yield event
  }
  const abort = new AbortController()
  const kept = keepReconciled(test.backend, abort.signal)
  await expect.poll(() => test.agent.asked('container.list').length).toBe(1)
  const tell = (id: string, action: string) =>
    told.emit('event', { seq: 1, boot: 'b', type: 'container', action, id, projectId: 'shop', attributes: {}, timeNano: '0' })
  const { id } = await createContainer.execute(test.backend, ann, { projectId: 'shop', spec: { image: 'busybox' } })
  tell(id, 'create')
  // One that was made past the panel comes later, so that both looks have been had when it is known.
  await delay(700)
  expect(test.agent.asked('container.list')).toHaveLength(1)
  const made = test.agent.makeContainer('shop')
  tell(made.id, 'create')
  await expect.poll(() => hasHolding(test.backend.db.read, 'shop', 'container', made.id)).toBe(true)
  expect(test.agent.asked('container.list')).toHaveLength(2)
  abort.abort()
  await kept
})

it('fails, and changes nothing, while the agent is down', async () => {
  await using test = await testBackend()
  await test.project('shop')
  test.agent.makeContainer('shop')
  await reconcile(test.backend)
  test.agent.down = true
  await expect(reconcile(test.backend)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await listHoldings(test.backend.db.read)).toHaveLength(1)
})
