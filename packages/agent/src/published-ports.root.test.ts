import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestAgent } from './testing/test-agent.ts'

/** Published ports on the host's own loopback addresses do not depend on the agent. */
let agent: TestAgent
beforeAll(async () => {
  agent = await TestAgent.start()
})
afterAll(() => agent[Symbol.asyncDispose]())

const serve = (name: string) =>
  agent.run({ name, hostname: name, command: ['httpd', '-f', '-p', '80', '-h', '/etc'], ports: [{ containerPort: 80 }] })
const portOf = async (name: string) => (await agent.inspect(name)).ports[0]?.hostPort ?? 0

/** The host name of the container behind the port, or the error. */
async function ask(port: number, host = '127.0.0.1'): Promise<string> {
  try {
    return (await (await fetch(`http://${host}:${port}/hostname`)).text()).trim()
  } catch (error) {
    return String(((error as Error).cause as { code?: string }).code)
  }
}

/** Programs that listen on this port of the host, by the kernel's word. */
const listening = (port: number) => execFileSync('ss', ['-Hltn', `sport = :${port}`], { encoding: 'utf8' }).trim()

test('the port answers while the agent is away, is dropped with its container, and nothing stays', async () => {
  await serve('stays')
  await serve('goes')
  const [stays, goes] = [await portOf('stays'), await portOf('goes')]
  await expect.poll(() => ask(stays)).toBe('stays')
  await expect.poll(() => ask(goes)).toBe('goes')
  const { pid } = (await agent.inspect('goes')).state

  await agent.kill()
  expect(await ask(stays)).toBe('stays')
  expect(await ask(stays, '[::1]')).toBe('stays')
  process.kill(pid, 'SIGKILL')
  await agent.start()
  expect(listening(goes)).toBe('')
  expect(await ask(stays)).toBe('stays')

  await agent.stop()
  expect(await ask(stays)).toBe('stays')
  await agent.start()
  expect(await portOf('stays')).toBe(stays)
  expect(await ask(stays)).toBe('stays')

  await agent.remove('stays', { force: true })
  expect(listening(stays)).toBe('')
  expect(existsSync(`${agent.runDir}/ports.sock`)).toBe(false)
})

test('an agent that stops with nothing running leaves no listener', async () => {
  await serve('last')
  await agent.client.call('container.kill', { projectId: 'default', container: 'last' })
  await agent.wait('last')
  await agent.stop()
  expect(existsSync(`${agent.runDir}/ports.sock`)).toBe(false)
  await agent.start()
})

test('a linked container is known by name, in /etc/hosts and in the environment', async () => {
  await serve('store')
  const links = [{ container: 'store', alias: 'db' }]
  const id = await agent.run({ name: 'client', command: ['sleep', '1000'], endpoints: [{ network: 'bridge', links }] })
  const { stdout } = await agent.exec(id, ['sh', '-c', 'tr "\\0" "\\n" < /proc/1/environ | grep ^DB_; wget -qO- http://db/hostname'])
  const address = (await agent.inspect('store')).endpoints[0]?.ipv4Address
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(['DB_NAME=/client/db', `DB_PORT=tcp://${address}:80`, 'store']))
  for (const name of ['client', 'store']) await agent.remove(name, { force: true })
})
