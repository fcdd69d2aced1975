import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type Server, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { localCaller } from '@gantry/core'
import { type TestBackend, testBackend } from '@gantry/core/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { routes } from './routes/table.ts'
import { createDockerServer } from './server.ts'
import { maxJsonBytes } from './wire/read-body.ts'

let test: TestBackend
let server: Server
const folder = mkdtempSync(join(tmpdir(), 'gantry-docker-bad-'))
const socketPath = join(folder, 'docker.sock')

beforeAll(async () => {
  test = await testBackend()
  await test.project('default')
  server = createDockerServer({ backend: test.backend, identify: () => ({ caller: localCaller('test'), projectId: 'default' }) })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await test[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

interface Sent {
  method: string
  path: string
  body?: string
  type?: string
}

function send({ method, path, body, type = 'application/json' }: Sent): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }
    const request = httpRequest({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** What no client should send, in every place where something can be sent. */
const words = ['\u0000', '../../etc/passwd', '-1', '1e999', '99999999999999999999', '[]', '{"a":', '<script>', 'ﷺ'.repeat(300)]
const bodies = [
  '',
  'null',
  '[]',
  '"text"',
  '0',
  '{',
  '{"Image":7}',
  '{"Image":"busybox","Cmd":{"a":1}}',
  '{"Image":"busybox","Env":"A=b"}',
  '{"Image":"busybox","HostConfig":[]}',
  '{"Image":"busybox","HostConfig":{"Memory":"lots"}}',
  '{"Image":"busybox","HostConfig":{"Memory":1e300}}',
  '{"Image":"busybox","HostConfig":{"Memory":5}}',
  '{"Image":"busybox","HostConfig":{"NanoCpus":0.5}}',
  '{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"sometimes"}}}',
  '{"Image":"busybox","HostConfig":{"IpcMode":"everybody"}}',
  '{"Image":"busybox","HostConfig":{"CapAdd":["EVERYTHING"]}}',
  '{"Image":"busybox","HostConfig":{"Binds":["relative:also/relative"]}}',
  '{"Image":"busybox","HostConfig":{"Mounts":[{"Type":"npipe","Target":"/x"}]}}',
  '{"Image":"busybox","HostConfig":{"PortBindings":{"eighty":[{}]}}}',
  '{"Image":"busybox","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"99999"}]}}}',
  '{"Image":"busybox","HostConfig":{"SecurityOpt":["nonsense=mine"]}}',
  '{"Image":"busybox","HostConfig":{"CgroupParent":"/system.slice"}}',
  '{"Image":"busybox","HostConfig":{"DeviceRequests":[{"Count":-1}]}}',
  '{"Image":"busybox","HostConfig":{"SomethingNew":true}}',
  '{"Image":"busybox","NetworkingConfig":{"EndpointsConfig":{"n":{"IPAMConfig":{"IPv4Address":"300.1.1.1"}}}}}',
  '{"__proto__":{"Image":"busybox"},"constructor":1}',
  `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
]

function pathsOf(path: string): string[] {
  const names = ['nothing', '%00', '..%2F..', 'a'.repeat(5000), '%zz']
  return path.includes('{') ? names.map((name) => path.replace(/\{[^}]+\}/g, name)) : [path]
}

/** Requests that go on for ever when they are right; a client that only asks and leaves is another test's. */
const endless = (path: string) => path === '/events'

function badRequests(): Sent[] {
  const sent: Sent[] = []
  for (const { method, path, body } of routes) {
    for (const real of pathsOf(path)) {
      sent.push({ method, path: real, body: body ? '{}' : undefined })
      if (!endless(path)) {
        for (const word of words) {
          const value = encodeURIComponent(word)
          const keys = [
            'filters',
            'limit',
            't',
            'signal',
            'condition',
            'since',
            'until',
            'tail',
            'h',
            'w',
            'name',
            'platform',
            'detachKeys',
            'ps_args',
            'fromImage',
            'path',
          ]
          sent.push({ method, path: `${real}?${keys.map((key) => `${key}=${value}`).join('&')}`, body: body ? '{}' : undefined })
        }
      }
    }
    if (body) for (const text of bodies) sent.push({ method, path: path.replace(/\{[^}]+\}/g, 'nothing'), body: text })
  }
  return sent
}

it('answers whatever is sent in Docker’s shape, breaks nothing and makes nothing', async () => {
  const requests = badRequests()
  expect(requests.length).toBeGreaterThan(500)
  // Of the names sent, no image is there.
  test.agent.before = (method, input) => {
    const image = method === 'image.inspect' ? (input as { image: string }).image : 'busybox'
    if (image !== 'busybox') throw new GantryError('not_found', `image ${image} not found`)
  }
  const wrong: unknown[] = []
  for (const sent of requests) {
    const { status, text } = await send(sent)
    const shaped = status < 400 || typeof (JSON.parse(text || '{}') as { message?: unknown }).message === 'string' || sent.method === 'HEAD'
    // 501: what is not supported; 503: swarm.
    if (!shaped || (status >= 500 && status !== 501 && status !== 503))
      wrong.push({ ...sent, body: sent.body?.slice(0, 100), path: sent.path.slice(0, 100), status, text: text.slice(0, 200) })
  }
  expect(wrong).toEqual([])
  expect(test.agent.containers.size).toBe(0)
  expect(test.logged.filter(({ message }) => message === 'a docker request failed')).toEqual([])
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

it('forgets clients that go away in the middle', async () => {
  const half = [
    'GET /events HTTP/1.1\r\nHost: d\r\n\r\n',
    'POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{',
    'POST /conta',
  ]
  // An agent in which nothing happens.
  test.agent.streams['system.events'] = (_input, signal) => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        await once(signal, 'abort')
        return { value: undefined, done: true }
      },
    }),
  })
  for (const text of half) {
    const socket = connect(socketPath)
    socket.write(text)
    await new Promise((resolve) => setTimeout(resolve, 30))
    socket.destroy()
    await once(socket, 'close')
  }
  expect((await send({ method: 'GET', path: '/_ping' })).text).toBe('OK')
  expect(test.agent.containers.size).toBe(0)
  await expect.poll(() => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0)
})
