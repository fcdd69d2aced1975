import type { EngineEvent } from '@gantry/contracts'
import { expect, test } from 'vitest'
import { createEventBus } from './event-bus.ts'

const event = (id: string) => ({ type: 'container' as const, action: 'start', id, projectId: 'p', attributes: {} })

async function take(events: AsyncIterable<EngineEvent>, count: number): Promise<EngineEvent[]> {
  const taken: EngineEvent[] = []
  for await (const item of events) {
    taken.push(item)
    if (taken.length === count) break
  }
  return taken
}

test('every subscriber sees every event from its subscription on', async () => {
  const bus = createEventBus()
  bus.emit(event('before'))
  const abort = new AbortController()
  const first = bus.subscribe(abort.signal)
  const second = bus.subscribe(abort.signal)
  bus.emit(event('a'))
  bus.emit(event('b'))
  expect((await take(first, 2)).map((e) => e.id)).toEqual(['a', 'b'])
  expect((await take(second, 2)).map((e) => e.seq)).toEqual([2, 3])
})

test('a subscriber that comes back gets what it missed; one from an earlier boot gets all that is kept', async () => {
  const bus = createEventBus('boot1')
  for (const id of ['a', 'b', 'c']) bus.emit(event(id))
  const { signal } = new AbortController()
  expect((await take(bus.subscribe(signal, { boot: 'boot1', seq: 1 }), 2)).map((e) => e.id)).toEqual(['b', 'c'])
  expect((await take(bus.subscribe(signal, { boot: 'other', seq: 77 }), 3)).map((e) => e.id)).toEqual(['a', 'b', 'c'])
})

test('aborting ends the iteration, and a reader that never reads is dropped with an error', async () => {
  const bus = createEventBus()
  const abort = new AbortController()
  const events = bus.subscribe(abort.signal)
  const done = (async () => {
    for await (const _ of events) expect.unreachable()
    return 'ended'
  })()
  abort.abort()
  expect(await done).toBe('ended')
  const lazy = bus.subscribe(new AbortController().signal)
  for (let i = 0; i < 9000; i++) bus.emit(event(String(i)))
  let seen = 0
  await expect(async () => {
    for await (const _ of lazy) seen++
  }).rejects.toMatchObject({ code: 'unavailable' })
  expect(seen).toBe(8192)
})
