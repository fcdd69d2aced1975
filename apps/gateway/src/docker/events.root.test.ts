import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestInstance } from '../testing/test-instance.ts'

const agent = new Agent({ keepAlive: true })
let instance: TestInstance
beforeAll(async () => {
  instance = await TestInstance.start()
})
afterAll(async () => {
  agent.destroy()
  await instance[Symbol.asyncDispose]()
})

async function ask(method: string, path: string, body?: object) {
  const content = body && JSON.stringify(body)
  const headers = content ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) } : {}
  const request = httpRequest({ socketPath: join(instance.runDir, 'docker.sock'), agent, method, path, headers })
  request.end(content)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return {
    status: response.statusCode as number,
    text,
    body: /^[[{]/.test(text) && !text.includes('}\r\n{') ? JSON.parse(text) : undefined,
  }
}

/** Attaches, types at the shell's prompt, and waits until the other side has closed. */
async function typeInto(path: string, typed: string, body = ''): Promise<void> {
  const socket = connect({ path: join(instance.runDir, 'docker.sock'), allowHalfOpen: true })
  const type = body && `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  socket.write(`POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${type}\r\n${body}`)
  let shown = ''
  for await (const bytes of socket) {
    shown += bytes
    if (typed !== '' && shown.includes('# ')) socket.write(typed)
    if (shown.includes('# ')) typed = ''
  }
  socket.destroy()
}

interface Told {
  Type: string
  Action: string
  Actor: { ID: string; Attributes: Record<string, string> }
}
async function told(filters: object): Promise<Told[]> {
  const until = Date.now() / 1000
  const { text } = await ask('GET', `/events?since=0.001&until=${until}&filters=${encodeURIComponent(JSON.stringify(filters))}`)
  return text.split('\r\n').flatMap((line) => (line ? [JSON.parse(line) as Told] : []))
}

it('tells what clients do to a container in Docker’s order and words', async () => {
  const { body: made } = await ask('POST', '/containers/create?name=seen', {
    Image: 'busybox',
    Cmd: ['sh'],
    Tty: true,
    OpenStdin: true,
    StopSignal: 'SIGKILL',
  })
  await ask('POST', '/containers/seen/start')
  await ask('POST', '/containers/seen/resize?h=30&w=90')
  await typeInto('/containers/seen/attach?stream=1&stdin=1&stdout=1&logs=1', '\x10\x11')
  const { body: exec } = await ask('POST', '/containers/seen/exec', {
    Cmd: ['sh'],
    Tty: true,
    AttachStdin: true,
    AttachStdout: true,
    DetachKeys: 'ctrl-a',
  })
  await typeInto(`/exec/${exec.Id}/start`, '\x01', '{"Tty":true}')
  await ask('GET', '/containers/seen/top')
  await ask('GET', '/containers/seen/archive?path=/etc/passwd')
  await ask('GET', '/containers/seen/export')
  await ask('POST', '/commit?container=seen&repo=kept&tag=1')
  await ask('POST', '/containers/seen/stop')
  await ask('POST', '/containers/prune?filters={"label!":["other"]}')
  const events = await told({ container: ['seen'] })
  const id = made.Id as string
  expect(events.every(({ Actor }) => Actor.ID === id && Actor.Attributes.name === 'seen' && Actor.Attributes.image === 'busybox')).toBe(
    true,
  )
  const shown = events.map(({ Action, Actor: { Attributes } }) => {
    // The image's own label is told as well.
    const more = Object.fromEntries(Object.entries(Attributes).filter(([key]) => !/^(name|image|gantry\..*)$/.test(key)))
    return Object.keys(more).length > 0 ? `${Action} ${JSON.stringify(more)}` : Action
  })
  const execID = JSON.stringify({ execID: exec.Id })
  expect(shown.filter((line) => !line.startsWith('exec_die'))).toEqual([
    ...['create', 'start', 'resize {"height":"30","width":"90"}', 'attach', 'detach'],
    ...[`exec_create: sh ${execID}`, `exec_start: sh ${execID}`, `exec_detach ${execID}`, 'top'],
    ...['archive-path {"path":"/etc/passwd"}', 'export', expect.stringMatching(/^commit \{"imageID":"sha256:.*","imageRef":"kept:1"\}$/)],
    ...['kill {"signal":"9"}', expect.stringMatching(/^die \{"exitCode":"137","execDuration":"\d+"\}$/), 'stop', 'destroy'],
  ])
})

it('tells of images that are saved', async () => {
  const { Id } = (await ask('GET', '/images/busybox/json')).body
  await ask('GET', '/images/busybox/get')
  expect(await told({ event: ['save'] })).toMatchObject([{ Type: 'image', Action: 'save', Actor: { ID: Id, Attributes: { name: Id } } }])
})

it('tells of a prune behind what it removed', async () => {
  await ask('POST', '/networks/create', { Name: 'gone' })
  await ask('POST', '/volumes/create', { Name: 'gone' })
  await ask('POST', '/networks/prune')
  await ask('POST', '/volumes/prune?filters={"all":["1"]}')
  await ask('POST', '/images/prune?filters={"dangling":["0"]}')
  await ask('POST', '/build/prune')
  const events = await told({ event: ['prune', 'destroy', 'untag', 'delete'] })
  const lines = events.map(({ Type, Action, Actor }) =>
    `${Type} ${Action} ${Actor.Attributes.reclaimed === undefined ? '' : 'reclaimed'}`.trim(),
  )
  expect(lines).toEqual([
    ...['container destroy', 'container prune reclaimed'],
    ...['network destroy', 'network prune reclaimed', 'volume destroy', 'volume prune reclaimed'],
    ...['image untag', 'image delete', 'image prune reclaimed', 'builder prune reclaimed'],
  ])
  const pruned = events.filter(({ Action }) => Action === 'prune')
  expect(pruned.every(({ Actor }) => Actor.ID === '' && /^\d+$/.test(Actor.Attributes.reclaimed ?? ''))).toBe(true)
  expect(Number(pruned[0]?.Actor.Attributes.reclaimed)).toBeGreaterThan(0)
})

it('shows in top what the host’s ps says of the container alone', async () => {
  await ask('POST', '/containers/create?name=busy', {
    Image: 'busybox',
    Cmd: ['sh', '-c', 'sleep 1001 & sleep 1002'],
    StopSignal: 'SIGKILL',
  })
  await ask('POST', '/containers/busy/start')
  const top = async (args: string) => (await ask('GET', `/containers/busy/top?ps_args=${encodeURIComponent(args)}`)).body
  await expect
    .poll(async () => (await top('-eo pid,args')).Processes.map((row: string[]) => row[1]).sort())
    .toEqual([...['sleep 1001', 'sleep 1002']])
  expect((await top('auxf')).Titles).toEqual(['USER', 'PID', '%CPU', '%MEM', 'VSZ', 'RSS', 'TTY', 'STAT', 'START', 'TIME', 'COMMAND'])
  expect((await top('-o comm')).message).toMatch(/Couldn't find PID field in ps output/)
})
