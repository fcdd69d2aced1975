import { GantryError, type ImageTransfer, type Progress } from '@gantry/contracts'
import { listAuditEntries, listHoldings } from '@gantry/db'
import { expect, it } from 'vitest'
import type { SignedIn } from '../backend.ts'
import { type TestBackend, testBackend } from '../testing/index.ts'
import { listTransfers, startPull, watchTransfer } from './transfer-image.ts'

async function withPull(lines: () => AsyncGenerator<Progress>, limits = {}) {
  const test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', limits, { [ann.user.id]: 'developer' })
  test.agent.streams['image.pull'] = lines
  return { test, ann, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() }
}

const pull = ({ test, ann }: { test: TestBackend; ann: SignedIn }) =>
  startPull.execute(test.backend, ann, { projectId: 'shop', reference: 'busybox:1', auth: { username: 'u', password: 'hunter2' } })

async function lastState({ test, ann }: { test: TestBackend; ann: SignedIn }, operationId: string): Promise<ImageTransfer | undefined> {
  let last: ImageTransfer | undefined
  for await (const state of watchTransfer.execute(test.backend, ann, { projectId: 'shop', operationId })) last = state
  return last
}

it('goes on without a viewer, and tells a late one how it went', async () => {
  await using shop = await withPull(async function* () {
    yield { id: 'a', status: 'downloading', current: 1, total: 2 }
    yield { id: 'a', status: 'downloaded', current: 2, total: 2 }
    yield { status: 'done', message: 'busybox:1' }
  })
  const { operationId } = await pull(shop)
  await shop.test.backend.transfers.find('shop', operationId).ended
  expect(await lastState(shop, operationId)).toMatchObject({
    state: 'done',
    kind: 'pull',
    reference: 'busybox:1',
    progress: [{ id: 'a', status: 'downloaded' }, { status: 'done' }],
  })
  expect(await listTransfers.execute(shop.test.backend, shop.ann, { projectId: 'shop' })).toHaveLength(1)
  expect(await listHoldings(shop.test.backend.db.read)).toMatchObject([{ kind: 'image', state: 'present' }])
  const log = JSON.stringify(await listAuditEntries(shop.test.backend.db.read, 'all', {}, { limit: 10 }))
  expect(log).toContain('image busybox:1')
  expect(log).not.toContain('hunter2')
})

it('fails in words, gives the room back, and refuses beyond the limit', async () => {
  await using shop = await withPull(
    // biome-ignore lint/correctness/useYield: it fails before the first line
    async function* () {
      throw new GantryError('not_found', 'busybox:1 is not in the registry')
    },
    { images: 1 },
  )
  const failed = await lastState(shop, (await pull(shop)).operationId)
  expect(failed).toMatchObject({ state: 'failed', error: { code: 'not_found', message: 'busybox:1 is not in the registry' } })
  expect(await listHoldings(shop.test.backend.db.read)).toEqual([])
  shop.test.agent.streams['image.pull'] = async function* () {
    yield { status: 'done' }
  }
  expect(await lastState(shop, (await pull(shop)).operationId)).toMatchObject({ state: 'done' })
  expect(await lastState(shop, (await pull(shop)).operationId)).toMatchObject({ state: 'failed', error: { code: 'quota_exceeded' } })
})

it('shows a transfer to members only', async () => {
  await using shop = await withPull(async function* () {
    yield { status: 'done' }
  })
  const { operationId } = await pull(shop)
  const eve = await shop.test.user('eve@example.org')
  await shop.test.project('other', {}, { [eve.user.id]: 'admin' })
  const watch = (projectId: string) => watchTransfer.execute(shop.test.backend, eve, { projectId, operationId }).next()
  await expect(watch('shop')).rejects.toMatchObject({ code: 'not_found' })
  await expect(watch('other')).rejects.toMatchObject({ code: 'not_found' })
})
