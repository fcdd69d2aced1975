import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { GantryError, agentMethods } from '@gantry/contracts'
import { BytePipe, type TestBackend, testBackend } from '@gantry/core/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { routes } from './routes/table.ts'
import {
  type Answered,
  type BadRequest,
  badBodies,
  badFields,
  badNames,
  badQueries,
  leave,
  leavings,
  missingThings,
  sendAll,
  wholeRequests,
} from './testing/index.ts'
import { type TestServer, testServer } from './testing/test-server.ts'
import { maxJsonBytes } from './wire/read-body.ts'

let test: TestBackend
let server: TestServer
/** Values that nobody looks at, as Docker's are empty objects. */
const anyKind = /(ExposedPorts|Volumes)\.x$/
let socketPath: string

beforeAll(async () => {
  test = await testBackend()
  await test.project('default')
  server = await testServer(test)
  socketPath = server.socketPath
})
afterAll(() => server[Symbol.asyncDispose]())

const agent = new Agent({ keepAlive: true, maxSockets: 8 })
const sendThem = <R extends BadRequest>(requests: Iterable<R>, onAnswer?: (sent: R, answered: Answered) => void) =>
  sendAll(requests, { socketPath, agent, atOnce: 8 }, onAnswer)

/** An agent that has one image and nothing else, with its words for what it has not. */
function knowBusyboxOnly(): void {
  const missing = (kind: string, name: unknown) =>
    new GantryError('not_found', `no such ${kind}: ${name}`, { field: kind, value: String(name) })
  test.agent.before = (method, given) => {
    const input = given as Record<string, unknown>
    if (method.startsWith('exec.') && method !== 'exec.create' && 'id' in input) throw missing('exec', input.id)
    if ('container' in input) throw missing('container', input.container)
    if (method.startsWith('network.') && 'network' in input) throw missing('network', input.network)
    if (method.startsWith('volume.') && 'volume' in input) throw missing('volume', input.volume)
    if (method.startsWith('image.') && 'image' in input && input.image !== 'busybox') throw missing('image', input.image)
  }
  const refused = (kind: string, key: string) => (input: object) => {
    const result = Promise.reject(missing(kind, (input as Record<string, unknown>)[key]))
    const pipe = new BytePipe()
    pipe.end()
    return { channel: pipe.channel, result }
  }
  const ofContainers = ['container.archivePut', 'container.archiveGet', 'container.export', 'container.attach']
  for (const method of ofContainers) Object.assign(test.agent.duplexes, { [method]: refused('container', 'container') })
  Object.assign(test.agent.duplexes, { 'image.save': refused('image', 'images') })
}

describe('whatever is sent', () => {
  beforeEach(knowBusyboxOnly)
  afterEach(() => {
    expect(test.logged.filter(({ message }) => message === 'a docker request failed')).toEqual([])
  })

  it('names that are nothing’s are told in Docker’s words', async () => {
    expect(await sendThem(missingThings(routes))).toEqual([])
  })

  it('names that cannot be', async () => {
    expect(await sendThem(badNames(routes))).toEqual([])
  })

  it('parameters that are no numbers, no filters, no times', async () => {
    expect(await sendThem(badQueries(routes))).toEqual([])
    expect(test.agent.containers.size).toBe(0)
  })

  it('bodies that are none', async () => {
    expect(await sendThem(badBodies(routes))).toEqual([])
    expect(test.agent.containers.size).toBe(0)
  })

  it('fields of another kind, each with every kind: a field takes its own kind and no other', async () => {
    const taken = new Map<string, Set<string>>()
    let made = 0
    const names = { container: 'nothing', exec: 'nothing', image: 'busybox', network: 'nothing', volume: 'nothing' }
    const wrong = await sendThem(badFields(routes, names), ({ path, field, kind }, { status }) => {
      if (path === '/containers/create' && status === 201) made++
      // 404: it was well-formed, and its container or network is not there.
      if (status < 400 || status === 404) taken.set(`${path} ${field}`, (taken.get(`${path} ${field}`) ?? new Set()).add(kind))
    })
    expect(wrong).toEqual([])
    expect(
      [...taken].filter(([field, of]) => of.size > (anyKind.test(field) ? 5 : 2)).map(([field, of]) => `${field}: ${[...of]}`),
    ).toEqual([])
    expect(test.agent.containers.size).toBe(made)
    test.agent.containers.clear()
  })
})

it('refuses bodies that are too large on every row that has one', async () => {
  for (const { method, path, body } of routes) {
    if (!body) continue
    const socket = connect(socketPath)
    socket.on('error', () => undefined)
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    const head = `${method} ${path.replace(/\{[^}]+\}/g, 'x')} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n`
    socket.write(`${head}Content-Length: ${maxJsonBytes + 1}\r\n\r\n{`)
    await once(socket, 'close')
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  }
})

it('forgets clients that leave or close their half, whatever they asked for and wherever they were', async () => {
  // What is opened once and kept, as the database, is open now.
  knowBusyboxOnly()
  expect(await sendThem(missingThings(routes))).toEqual([])
  const { id } = test.agent.makeContainer('default')
  const names = { container: id, exec: 'nothing', image: 'busybox', network: 'nothing', volume: 'nothing' }
  const open = hangOn(test.agent)
  test.agent.before = () => undefined
  const connections = () => new Promise((resolve) => server.server.getConnections((_error, count) => resolve(count)))
  const descriptors = () => readdirSync('/proc/self/fd').length
  agent.destroy()
  await expect.poll(connections).toBe(0)
  const before = descriptors()
  const wrong: string[] = []
  for (const request of wholeRequests(routes, names)) {
    for (const how of leavings) {
      if (how.endsWith('body') && !request.body) continue
      const bored = new AbortController()
      // Work that goes on for ever is not waited for.
      open.onOpen = () => bored.abort()
      const came = await leave(socketPath, request, how, bored.signal)
      if (!how.startsWith('goes') && !bored.signal.aborted && !isAnswer(request, how).test(came))
        wrong.push(`${request.method} ${request.path} ${how}: ${came.slice(0, 200)}`)
    }
  }
  expect(wrong).toEqual([])
  expect(open.most).toBeGreaterThan(0)
  await expect.poll(() => open.now).toBe(0)
  await expect.poll(connections).toBe(0)
  await expect.poll(descriptors).toBeLessThanOrEqual(before)
})

/** Whoever closed its half after a whole request gets the whole answer; a body that nobody reads may be short. */
function isAnswer({ route }: BadRequest, how: (typeof leavings)[number]): RegExp {
  if (how === 'closes its half' || (how.endsWith('body') && !route.body)) return /^HTTP\/1\.1 [2345]\d\d /
  return /^(HTTP\/1\.1 [45]\d\d |$)/
}

/** From now on the agent's streams go on until they are cut off; how many there are, and were at most. */
function hangOn(recording: TestBackend['agent']): { now: number; most: number; onOpen: () => void } {
  const open = { now: 0, most: 0, onOpen: (): void => undefined }
  const until = async (signal: AbortSignal) => {
    open.most = Math.max(open.most, ++open.now)
    open.onOpen()
    if (!signal.aborted) await once(signal, 'abort')
    open.now--
  }
  const next = async (signal: AbortSignal) => {
    await until(signal)
    return { value: undefined, done: true as const }
  }
  const stream = (_input: unknown, signal: AbortSignal) => ({ [Symbol.asyncIterator]: () => ({ next: () => next(signal) }) })
  const duplex = (_input: unknown, signal: AbortSignal) => {
    const result = until(signal).then((): never => {
      throw new GantryError('cancelled', 'the caller left')
    })
    const incoming = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          result.then(
            () => ({ value: undefined, done: true as const }),
            () => ({ value: undefined, done: true as const }),
          ),
      }),
    }
    return { channel: { incoming, write: async () => undefined, end: () => undefined }, result }
  }
  for (const [method, { kind }] of Object.entries(agentMethods)) {
    if (kind === 'stream') Object.assign(recording.streams, { [method]: stream })
    if (kind === 'duplex') Object.assign(recording.duplexes, { [method]: duplex })
  }
  return open
}
