import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** Log drivers, from the container's output to `logs`. */
let agent: TestAgent

beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

const count = (n: number) => ['sh', '-c', `i=0; while [ $i -lt ${n} ]; do echo line-$i; i=$((i+1)); done`]

test('local packs what it rotates and reads it again, after a restart of the agent too', async () => {
  const id = await agent.run({ command: count(3000), log: { driver: 'local', maxSizeBytes: 32768, maxFiles: 100 } })
  await agent.wait(id)
  const { logPath } = await agent.inspect(id)
  const packed = readdirSync(dirname(logPath)).filter((name) => name.endsWith('.gz'))
  expect(packed.length).toBeGreaterThan(3)
  expect(readdirSync(dirname(logPath)).length).toBe(packed.length + 1)
  expect(gunzipSync(readFileSync(`${logPath}.${packed.length}.gz`)).toString()).toMatch(/^\{"log":"line-0\\n"/)
  const all = Array.from({ length: 3000 }, (_, index) => `line-${index}`)
  expect(await agent.logs(id)).toEqual(all)
  await agent.kill()
  await agent.start()
  expect(await agent.logs(id)).toEqual(all)
  await agent.remove(id)
  expect(existsSync(dirname(logPath))).toBe(false)
})

test('a log goes on while the agent is away', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-sign-'))
  const mounts = [{ type: 'bind' as const, source: folder, target: '/sign' }]
  const command = ['sh', '-c', 'echo before; while [ ! -e /sign/go ]; do sleep 0.05; done; echo after; sleep 1000']
  const id = await agent.run({ command, log: { tag: '{{.Name}}', env: ['A'] }, env: ['A=b'], mounts })
  await expect.poll(() => agent.logs(id)).toEqual(['before'])
  const { name, logPath } = await agent.inspect(id)
  await agent.kill()
  writeFileSync(`${folder}/go`, '')
  await expect.poll(() => readFileSync(logPath, 'utf8').split('\n').length).toBe(3)
  await agent.start()
  expect(await agent.logs(id)).toEqual(['before', 'after'])
  expect(JSON.parse(readFileSync(logPath, 'utf8').split('\n')[1] ?? '')).toMatchObject({ log: 'after\n', attrs: { A: 'b', tag: name } })
  await agent.remove(id, { force: true })
  rmSync(folder, { recursive: true })
})

test('syslog gets lines over UDP; nothing of it, nor of none, can be read', async () => {
  const socket = createSocket('udp4')
  const lines: string[] = []
  socket.on('message', (message) => lines.push(message.toString()))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const address = `udp://127.0.0.1:${(socket.address() as AddressInfo).port}`
  const id = await agent.run({
    command: ['sh', '-c', 'echo out; echo err >&2'],
    log: { driver: 'syslog', tag: 'tagged', syslog: { address, facility: 'local0', format: 'rfc5424' } },
  })
  await agent.wait(id)
  await expect.poll(() => lines.length).toBe(2)
  socket.close()
  expect(lines.toSorted()[0]).toMatch(/^<131>1 \d{4}-\d\d-\d\dT[\d:]+Z \S+ tagged \d+ tagged - err$/)
  expect(lines.toSorted()[1]).toMatch(/^<134>1 .* tagged - out$/)
  const none = await agent.run({ command: ['true'], log: { driver: 'none' } })
  const unread = { code: 'unsupported', message: 'configured logging driver does not support reading' }
  for (const one of [id, none]) {
    await expect(agent.logs(one)).rejects.toMatchObject(unread)
    await agent.wait(one)
    await agent.remove(one)
  }
})

test('a driver whose receiver is not there is refused at the start', async () => {
  const { id } = await agent.create({ command: ['true'], log: { driver: 'syslog', syslog: { address: 'unixgram:///nowhere/log' } } })
  await expect(agent.client.call('container.start', { projectId: agent.projectId, container: id })).rejects.toMatchObject({
    message: 'failed to initialize logging driver: nothing listens at /nowhere/log',
  })
  await agent.remove(id)
})
