import { once } from 'node:events'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type TestGateway, testGateway } from '../testing/test-gateway.ts'

const connect = (gateway: TestGateway, cookie: string, origin = gateway.origin) =>
  new WebSocket(`${gateway.origin.replace('http', 'ws')}/ws/trpc`, { origin, headers: { cookie } })

async function withEvents(gateway: TestGateway) {
  const { test } = gateway
  const bob = await test.user('bob@example.org')
  await test.project('shop', {}, { [bob.user.id]: 'viewer' })
  const asked: unknown[] = []
  test.agent.streams['system.events'] = async function* (input, signal) {
    asked.push(input)
    yield { seq: 7, boot: 'b1', type: 'container', action: 'start', id: 'x', projectId: 'shop', attributes: {}, timeNano: '1' }
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }
  const { token, caller } = await test.session(bob.user.id)
  return { cookie: `gantry_7070=${token}`, caller, asked }
}

const subscribe = (lastEventId?: string) =>
  JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events', input: { projectId: 'shop' }, lastEventId } })

type Message = { result?: { type: string; data?: unknown }; error?: unknown }

/** The first message, already there or to come, that is wanted. */
function receive(socket: WebSocket) {
  const messages: Message[] = []
  let wake: () => void = () => undefined
  socket.on('message', (data) => {
    const text = String(data)
    if (text.startsWith('{')) messages.push(JSON.parse(text))
    wake()
  })
  return async (wanted: (message: Message) => boolean): Promise<Message> => {
    for (;;) {
      const found = messages.find(wanted)
      if (found) return found
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}

it('carries subscriptions, resumes them, and ends with the session', async () => {
  await using gateway = await testGateway()
  const { cookie, caller, asked } = await withEvents(gateway)
  const socket = connect(gateway, cookie)
  const received = receive(socket)
  await once(socket, 'open')
  socket.send(subscribe('b0:3'))
  expect(await received(({ result }) => result?.type === 'data')).toMatchObject({
    result: { id: 'b1:7', data: { data: { action: 'start' } } },
  })
  expect(asked).toEqual([{ projectId: 'shop', since: { boot: 'b0', seq: 3 } }])
  const closed = once(socket, 'close')
  await gateway.mutate('auth.signOut', undefined, cookie)
  expect((await closed)[0]).toBe(4001)
  expect(caller.user.email).toBe('bob@example.org')
})

it('refuses strangers and other origins', async () => {
  await using gateway = await testGateway()
  const { cookie } = await withEvents(gateway)
  const foreign = connect(gateway, cookie, 'http://evil.example')
  expect(String((await once(foreign, 'error'))[0])).toContain('403')
  const stranger = connect(gateway, '')
  const received = receive(stranger)
  await once(stranger, 'open')
  stranger.send(subscribe())
  expect(await received(({ error }) => error !== undefined)).toMatchObject({
    error: { data: { gantry: { code: 'unauthenticated' } } },
  })
  stranger.terminate()
})
