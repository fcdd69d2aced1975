import { afterAll, beforeAll, expect, test } from 'vitest'
import { settledCounts } from './testing/kernel-counts.ts'
import { TestAgent } from './testing/test-agent.ts'

/** Many at once, and many in a row. */
let agent: TestAgent
const projectId = 'default'

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

async function cycle(exitCode: number): Promise<number> {
  const id = await agent.run({
    command: ['sh', '-c', `exit ${exitCode}`],
    mounts: [{ type: 'volume', target: '/data' }],
    ports: [{ containerPort: 80 }],
  })
  const exit = await agent.wait(id)
  await agent.remove(id, { volumes: true })
  return exit.exitCode
}

test('100 creates, starts, waits and removes at once give 100 right answers', async () => {
  const codes = Array.from({ length: 100 }, (_, i) => i)
  expect(await Promise.all(codes.map(cycle))).toEqual(codes)
  expect(await agent.client.call('container.list', { projectId })).toEqual([])
})

test('20 callers on one container: one start wins, one remove wins', async () => {
  const { id } = await agent.create({ command: ['sleep', '1000'] })
  const starts = await Promise.allSettled(
    Array.from({ length: 20 }, () => agent.client.call('container.start', { projectId, container: id })),
  )
  expect(starts.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
  const removes = await Promise.allSettled(Array.from({ length: 20 }, () => agent.remove(id, { force: true })))
  expect(removes.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
})

test('200 cycles leave every count where it was', async () => {
  for (let i = 0; i < 10; i++) await cycle(0)
  const before = await settledCounts(agent)
  for (let i = 0; i < 200; i++) expect(await cycle(i % 100)).toBe(i % 100)
  await expect.poll(() => settledCounts(agent), { timeout: 30_000, interval: 500 }).toEqual(before)
})
