import { type ContainerSpecInput, GantryError, type ProjectLimits, containerSpecSchema } from '@gantry/contracts'
import { listAuditEntries, listHoldings, listOperations } from '@gantry/db'
import { expect, it } from 'vitest'
import type { SignedIn } from '../backend.ts'
import { type TestBackend, testBackend } from '../testing/index.ts'
import { removeContainer } from './change-container.ts'
import { createContainer } from './create-container.ts'

async function inShop(limits: ProjectLimits = {}): Promise<{ test: TestBackend; ann: SignedIn } & AsyncDisposable> {
  const test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', limits, { [ann.user.id]: 'developer' })
  return { test, ann, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() }
}

const create = ({ test, ann }: { test: TestBackend; ann: SignedIn }, spec: Partial<ContainerSpecInput> = {}, start = false) =>
  createContainer.execute(test.backend, ann, { projectId: 'shop', spec: { image: 'busybox', ...spec }, start })

const audit = async ({ backend }: TestBackend) => (await listAuditEntries(backend.db.read, 'all', {}, { limit: 100 })).reverse()

it('reserves, asks the agent once with an id and a policy, and settles', async () => {
  await using shop = await inShop()
  const { id } = await create(shop, { name: 'web' })
  const { test, ann } = shop
  expect(test.agent.asked('container.create')).toMatchObject([
    { projectId: 'shop', operationId: expect.any(String), policy: { hostAccess: false, bindSources: [], capabilities: [] } },
  ])
  expect(await listHoldings(test.backend.db.read)).toMatchObject([
    { kind: 'container', key: id, state: 'present', createdById: ann.user.id },
  ])
  expect(await listOperations(test.backend.db.read)).toEqual([])
  expect(await audit(test)).toMatchObject([
    {
      verb: 'container.create',
      object: `container web (${id.slice(0, 12)})`,
      actor: 'ann@example.org',
      projectId: 'shop',
      outcome: 'success',
      address: '10.0.0.1',
    },
  ])
})

it('writes the intent and the reservation before the agent is asked', async () => {
  await using shop = await inShop()
  const { test } = shop
  test.agent.before = async (method) => {
    if (method !== 'container.create') return
    expect(await listOperations(test.backend.db.read)).toMatchObject([{ verb: 'container.create', actor: 'ann@example.org' }])
    expect(await listHoldings(test.backend.db.read)).toMatchObject([{ kind: 'container', state: 'requested' }])
  }
  await create(shop)
  expect(test.agent.asked('container.create')).toHaveLength(1)
})

it('never exceeds a limit by one, however many ask at once', async () => {
  await using shop = await inShop({ containers: 5 })
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => create(shop)))
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
  expect(shop.test.agent.containers.size).toBe(5)
  const [refused] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  expect(refused).toMatchObject({ code: 'quota_exceeded', detail: { limit: '5', asked: '1', used: '5' } })
  expect((await audit(shop.test)).filter(({ outcome }) => outcome === 'denied')).toHaveLength(15)
})

it('gives the room back when the agent fails, and when a container is removed', async () => {
  await using shop = await inShop({ containers: 1 })
  const { test, ann } = shop
  test.agent.before = (method) => {
    if (method === 'container.create') throw new GantryError('no_space', 'the disk is full')
  }
  await expect(create(shop)).rejects.toMatchObject({ code: 'no_space' })
  expect(await listHoldings(test.backend.db.read)).toEqual([])
  test.agent.before = () => undefined
  const { id } = await create(shop)
  await expect(create(shop)).rejects.toMatchObject({ code: 'quota_exceeded' })
  await removeContainer.execute(test.backend, ann, { projectId: 'shop', container: id })
  await create(shop)
  expect((await audit(test)).map(({ verb, outcome, error }) => [verb, outcome, error?.split(':')[0] ?? null])).toEqual([
    ['container.create', 'failed', 'no_space'],
    ['container.create', 'success', null],
    ['container.create', 'denied', 'quota_exceeded'],
    ['container.remove', 'success', null],
    ['container.create', 'success', null],
  ])
})

it('counts the volumes that come with a container', async () => {
  await using shop = await inShop({ volumes: 2 })
  const { test } = shop
  const mounts = (...sources: (string | undefined)[]) =>
    sources.map((source, index) => ({ type: 'volume' as const, source, target: `/data${index}` }))
  await create(shop, { mounts: mounts('data') })
  // Known already: it costs nothing.
  await create(shop, { mounts: mounts('data') })
  await expect(create(shop, { mounts: mounts('data', 'more', undefined) })).rejects.toMatchObject({
    code: 'quota_exceeded',
    detail: { field: 'volumes', used: '1', asked: '2', limit: '2' },
  })
  await create(shop, { mounts: mounts(undefined) })
  await expect(create(shop, { image: 'with-volume' })).rejects.toMatchObject({ code: 'quota_exceeded' })
  expect((await listHoldings(test.backend.db.read, { kind: 'volume' })).every(({ state }) => state === 'present')).toBe(true)
})

it('refuses a limit above the project and says what to ask for', async () => {
  await using shop = await inShop({ memoryBytes: 256 * 1024 ** 2 })
  await expect(create(shop, { resources: { memoryBytes: 512 * 1024 ** 2 } })).rejects.toMatchObject({
    code: 'quota_exceeded',
    message: 'memory limit 512 MiB exceeds project limit 256 MiB',
    detail: { remedy: expect.stringContaining('at most 256 MiB') },
  })
  expect(shop.test.agent.asked('container.create')).toEqual([])
})

it('leaves nothing behind when the image is unknown or the agent is down', async () => {
  await using shop = await inShop()
  const { test } = shop
  await expect(create(shop, { image: 'missing' })).rejects.toMatchObject({ code: 'not_found' })
  test.agent.down = true
  await expect(create(shop)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await listHoldings(test.backend.db.read)).toEqual([])
  expect(await listOperations(test.backend.db.read)).toEqual([])
  expect((await audit(test)).map(({ outcome }) => outcome)).toEqual(['failed', 'failed'])
})

it('keeps a container that does not start, and says why', async () => {
  await using shop = await inShop()
  shop.test.agent.before = (method) => {
    if (method === 'container.start') throw new GantryError('invalid_input', 'nope: command not found')
  }
  expect(await create(shop, { command: ['nope'] }, true)).toMatchObject({ startError: 'nope: command not found' })
  expect(shop.test.agent.containers.size).toBe(1)
})

it('does nothing when the intent cannot be written', async () => {
  await using shop = await inShop()
  const { test } = shop
  await test.backend.db.transaction(
    (tx) => tx.$executeRaw`CREATE TRIGGER "refuse" BEFORE INSERT ON "Operation" BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
  )
  await expect(create(shop)).rejects.toThrow()
  expect(test.agent.asked('container.create')).toEqual([])
})

it('hides values of variables in the log', async () => {
  await using shop = await inShop()
  await create(shop, { env: ['PASSWORD=hunter2'] })
  expect(JSON.stringify(await audit(shop.test))).not.toContain('hunter2')
  expect(shop.test.agent.asked('container.create')).toMatchObject([{ spec: { env: ['PASSWORD=hunter2'] } }])
})

it('parses the spec as the engine does', () => {
  expect(createContainer.input.safeParse({ projectId: 'shop', spec: containerSpecSchema.parse({ image: 'busybox' }) }).success).toBe(true)
})
