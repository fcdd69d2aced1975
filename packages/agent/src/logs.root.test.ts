import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { AddressInfo } from 'node:net'
import type { InputOf, LogLine } from '@gantry/contracts'
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

test('what journald keeps is read from it: streams, times, tail, and following to the last line', async () => {
  await using journal = await runningJournald()
  expect(journal.socket).toBe('/run/systemd/journal/socket')
  const line = 'i=0; while [ $i -lt 20 ]; do echo out-$i; echo err-$i >&2; i=$((i+1)); sleep 0.01; done; printf "\\001 odd"; printf end'
  const other = await agent.run({ command: ['echo', 'of another'], log: { driver: 'journald' } })
  const { id } = await agent.create({ command: ['sh', '-c', line], log: { driver: 'journald' } })
  const read = async (options: Partial<InputOf<'container.logs'>>) => {
    const lines: LogLine[] = []
    const asked = { projectId: agent.projectId, container: id, stdout: true, stderr: true, follow: false, ...options }
    for await (const batch of agent.client.stream('container.logs', asked)) lines.push(...batch.lines)
    return lines
  }
  const texts = async (options: Partial<InputOf<'container.logs'>>) => (await read(options)).map(({ text }) => text)
  await agent.client.call('container.start', { projectId: agent.projectId, container: id })
  const followed = await read({ follow: true })
  expect(followed.filter(({ stream }) => stream === 'stdout').map(({ text }) => text)).toEqual([
    ...Array.from({ length: 20 }, (_, index) => `out-${index}`),
    '\u0001 oddend',
  ])
  expect(followed.filter(({ stream }) => stream === 'stderr').map(({ text }) => text)).toEqual(
    Array.from({ length: 20 }, (_, index) => `err-${index}`),
  )
  expect(followed.at(-1)).toMatchObject({ partial: true })
  expect(await read({})).toEqual(followed)
  expect(await texts({ stdout: false, tail: 2 })).toEqual(['err-18', 'err-19'])
  expect(await texts({ tail: 0 })).toEqual([])
  const middle = followed[10]?.time ?? ''
  expect(await read({ since: middle })).toEqual(followed.filter(({ time }) => time >= middle))
  expect(await read({ until: middle })).toEqual(followed.filter(({ time }) => time <= middle))
  const [check] = (await agent.client.call('system.doctor', {})).filter(({ name }) => name === 'journald')
  expect(check).toMatchObject({ status: 'ok', found: 'running, read by /usr/bin/journalctl' })
  for (const one of [id, other]) await agent.remove(one)
})

/** The host's journald, or one that runs for the test and leaves nothing. */
async function runningJournald(): Promise<AsyncDisposable & { socket: string }> {
  const socket = '/run/systemd/journal/socket'
  if (existsSync(socket)) return { socket, async [Symbol.asyncDispose]() {} }
  const kept = existsSync('/run/log/journal')
  const child = spawn('/lib/systemd/systemd-journald', [], { stdio: 'ignore' })
  await expect.poll(() => existsSync(socket), { timeout: 60_000 }).toBe(true)
  return {
    socket,
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
      rmSync('/run/systemd/journal', { recursive: true })
      if (!kept) rmSync('/run/log/journal', { recursive: true, force: true })
    },
  }
}

test('a driver whose receiver is not there is refused at the start', async () => {
  const { id } = await agent.create({ command: ['true'], log: { driver: 'syslog', syslog: { address: 'unixgram:///nowhere/log' } } })
  await expect(agent.client.call('container.start', { projectId: agent.projectId, container: id })).rejects.toMatchObject({
    message: 'failed to initialize logging driver: nothing listens at /nowhere/log',
  })
  await agent.remove(id)
})
