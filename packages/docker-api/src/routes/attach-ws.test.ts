import { once } from 'node:events'
import { request } from 'node:http'
import { containerSpecSchema } from '@gantry/contracts'
import { ensureDefaultProject } from '@gantry/core'
import { BytePipe, type TestBackend, testBackend } from '@gantry/core/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type TestServer, testServer } from '../testing/test-server.ts'
import { stdcopyFrame } from '../wire/stdcopy.ts'
import { containerStreamRoutes } from './container-streams.ts'

let test: TestBackend
let server: TestServer
beforeAll(async () => {
  test = await testBackend()
  await ensureDefaultProject(test.backend)
  server = await testServer(test, containerStreamRoutes)
})
afterAll(() => server[Symbol.asyncDispose]())

/** A container whose main process is the test: what it was asked for, what is typed, and how it ends. */
function attachable(spec: object = {}) {
  const { id } = test.agent.makeContainer('default', containerSpecSchema.parse({ image: 'busybox', openStdin: true, ...spec }))
  const typed = new BytePipe()
  const shown = new BytePipe()
  const asked: unknown[] = []
  const signals: AbortSignal[] = []
  let exit = () => undefined as unknown
  test.agent.duplexes['container.attach'] = (input, signal) => {
    asked.push(input)
    signals.push(signal)
    const { write, end } = typed.channel
    const channel = { incoming: shown.channel.incoming, write, end }
    const result = new Promise<{ exitCode: number; oomKilled: boolean; error: string }>((resolve) => {
      exit = () => resolve({ exitCode: 0, oomKilled: false, error: '' })
      signal.addEventListener('abort', () => {
        shown.end()
        exit()
      })
    })
    return { channel, result }
  }
  const finish = () => {
    shown.end()
    exit()
  }
  return { id, typed, shown, asked, signals, finish }
}

const open = (path: string) => new WebSocket(`ws+unix:${server.socketPath}:${path}`)

it('carries what is typed and shown as binary messages without frames, until the process ends', async () => {
  const { id, typed, shown, asked, finish } = attachable()
  const socket = open(`/v1.50/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1&logs=1`)
  await once(socket, 'open')
  socket.send('typed as text\n')
  socket.send(Buffer.from('and as bytes\n'))
  await typed.until((text) => text === 'typed as text\nand as bytes\n')
  const messages: string[] = []
  socket.on('message', (data, isBinary) => messages.push(`${isBinary}:${data}`))
  const frames = Buffer.concat([stdcopyFrame(1, 'shown'), stdcopyFrame(2, ' and wrong')])
  await shown.push(frames.subarray(0, 3))
  await shown.push(frames.subarray(3, 11))
  await shown.push(frames.subarray(11))
  await expect.poll(() => messages.map((message) => message.replace('true:', '')).join('')).toBe('shown and wrong')
  finish()
  await once(socket, 'close')
  expect(messages.every((message) => message.startsWith('true:'))).toBe(true)
  expect(asked).toMatchObject([{ container: id, stdin: true, stdout: true, stderr: false, logs: true }])
})

it('attaches everything for clients before 1.42, whatever they say', async () => {
  const { id, asked, finish } = attachable()
  const socket = open(`/v1.41/containers/${id}/attach/ws?stream=1`)
  await once(socket, 'open')
  finish()
  await once(socket, 'close')
  expect(asked).toMatchObject([{ stdin: true, stdout: true, stderr: true }])
})

it('leaves a terminal by its keys, and forgets whoever goes', async () => {
  const { id, typed, signals } = attachable({ tty: true })
  const socket = open(`/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,d`)
  await once(socket, 'open')
  socket.send(Buffer.from('ls\x01d'))
  await once(socket, 'close')
  expect(await typed.until(() => true)).toBe('ls')
  const other = open(`/containers/${id}/attach/ws?stream=1&stdout=1`)
  await once(other, 'open')
  other.terminate()
  await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true, true])
})

it('says what is wrong before the handshake, in Docker’s shape', async () => {
  const { id } = attachable()
  const refused = async (path: string, headers: Record<string, string> = {}) => {
    const asked = request({ socketPath: server.socketPath, path, headers, agent: false })
    asked.end()
    const [answer] = await once(asked, 'response')
    let text = ''
    for await (const chunk of answer) text += chunk
    return [answer.statusCode, JSON.parse(text).message]
  }
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='
  const handshake = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key }
  expect(await refused('/containers/nothing/attach/ws?stream=1', handshake)).toEqual([404, expect.stringContaining('nothing')])
  expect(await refused(`/containers/${id}/attach/ws`, handshake)).toEqual([400, 'Either the stream or logs parameter must be set'])
  for (const headers of [{}, { ...handshake, 'sec-websocket-key': 'short' }, { ...handshake, upgrade: 'tcp' }]) {
    expect(await refused(`/containers/${id}/attach/ws?stream=1`, headers)).toEqual([400, 'not a WebSocket handshake'])
  }
  expect(await refused(`/containers/${id}/attach/ws?stream=1`, { ...handshake, 'sec-websocket-version': '7' })).toEqual([
    400,
    expect.stringContaining('bad WebSocket handshake'),
  ])
})
