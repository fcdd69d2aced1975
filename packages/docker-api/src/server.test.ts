import { once } from 'node:events'
import { connect } from 'node:net'
import { GantryError } from '@gantry/contracts'
import { type TestBackend, testBackend } from '@gantry/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { filters, type Filters } from './filters.ts'
import { flag, whole } from './query.ts'
import { json, route } from './route.ts'
import { type TestServer, testServer } from './testing/test-server.ts'
import { jsonStream } from './wire/json-stream.ts'

let test: TestBackend
let server: TestServer
let path: string

async function* lines(count: number) {
  for (let index = 0; index < count; index++) yield { index }
  throw new GantryError('not_found', 'no such thing: x')
}

const seen = (filters: Filters) => ({ labels: filters.get('label'), dangling: filters.flag('dangling') })
const rows = [
  route({
    method: 'GET',
    path: '/things/{name*}/json',
    query: z.object({ all: flag, limit: whole(0, 100), filters: filters('label', 'dangling') }),
    handle: ({ params, query, version }) => json({ name: params.name, version, ...query, filters: seen(query.filters) }),
  }),
  route({ method: 'GET', path: '/things/new', versions: { from: 40 }, handle: () => json('new') }),
  route({ method: 'POST', path: '/things', body: z.object({ Name: z.string() }), handle: ({ body }) => json(body, 201) }),
  route({
    method: 'GET',
    path: '/lines',
    query: z.object({ count: whole(0, 9) }),
    handle: (call) => jsonStream(call, lines(call.query.count ?? 0)),
  }),
  route({
    method: 'POST',
    path: '/echo/start',
    body: z.object({ Tty: z.boolean().default(false) }),
    emptyBody: {},
    hijacks: true,
    async handle(call) {
      if (call.body.Tty) throw new GantryError('wrong_state', 'no terminal here')
      const stream = call.hijack('application/vnd.docker.raw-stream')
      for await (const bytes of stream.incoming) await stream.write(Buffer.concat([Buffer.from('<'), bytes, Buffer.from('>')]))
      await stream.write('end')
      stream.end()
      return undefined
    },
  }),
  route({
    method: 'GET',
    path: '/broken',
    handle() {
      throw new TypeError('secret')
    },
  }),
]

beforeAll(async () => {
  test = await testBackend()
  server = await testServer(test, rows)
  path = server.socketPath
})
afterAll(() => server[Symbol.asyncDispose]())

/** Sends text as it is, then closes our side; gives what came until the other side closed. */
async function raw(...parts: string[]): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true })
  let output = ''
  socket.on('data', (bytes) => {
    output += bytes.toString()
  })
  const end = once(socket, 'end')
  for (const part of parts) {
    socket.write(part)
    // Each part is a packet of its own.
    if (parts.length > 1) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  socket.end()
  await end
  return output
}
const get = (url: string, more = '') => raw(`GET ${url} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n${more}\r\n`)
const post = (url: string, body: string, head = 'Connection: close\r\nContent-Type: application/json\r\n') =>
  raw(`POST ${url} HTTP/1.1\r\nHost: docker\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4)
const statusOf = (answer: string) => Number(answer.split(' ')[1])

describe('versions and paths', () => {
  it.each([
    ['/things/a/json', 50],
    ['/v1.24/things/a/json', 24],
    ['/v1.41/things/a/json', 41],
  ])('%s speaks 1.%i', async (url, version) => expect(JSON.parse(bodyOf(await get(url)))).toMatchObject({ name: 'a', version }))

  it.each([
    [
      '/v1.23/x',
      400,
      'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
    ],
    ['/v1.99/x', 400, 'client version 1.99 is too new. Maximum supported API version is 1.50'],
    ['/v2.0/x', 400, 'client version 2.0 is too new. Maximum supported API version is 1.50'],
    ['/nothing', 404, 'page not found'],
    ['/v1.39/things/new', 404, 'page not found'],
    ['/things/%zz/json', 400, 'invalid URL escape in %zz'],
  ])('%s is %i', async (url, status, message) => {
    const answer = await get(url)
    expect(statusOf(answer)).toBe(status)
    expect(JSON.parse(bodyOf(answer))).toEqual({ message })
  })

  it('answers before the body has come, and reads that away', async () => {
    const body = Buffer.alloc(4 * 1024 * 1024)
    const socket = connect({ path, allowHalfOpen: true })
    socket.write(`POST /nothing HTTP/1.1\r\nHost: docker\r\nContent-Length: ${body.length}\r\n\r\n`)
    const [first] = (await once(socket, 'data')) as [Buffer]
    expect(statusOf(first.toString())).toBe(404)
    // Fails with EPIPE or ECONNRESET when the server has closed.
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.write(body, () => resolve())
    })
    let rest = first.toString()
    for await (const bytes of socket) rest += bytes
    expect(JSON.parse(bodyOf(rest))).toEqual({ message: 'page not found' })
  })

  it('takes names with slashes, ports and escapes', async () => {
    for (const name of ['host:5000/a/b:1', 'host%3A5000%2Fa%2Fb%3A1']) {
      expect(JSON.parse(bodyOf(await get(`/things/${name}/json`))).name).toBe('host:5000/a/b:1')
    }
  })

  it('says who it is with every answer', async () => {
    for (const answer of [await get('/things/a/json'), await get('/nothing')]) {
      expect(answer).toMatch(/^api-version: 1\.50\r$/im)
      expect(answer).toMatch(/^docker-experimental: false\r$/im)
      expect(answer).toMatch(/^ostype: linux\r$/im)
      expect(answer).toMatch(/^server: docker\/28\.2\.2\S* \(linux\)\r$/im)
    }
  })

  it('tells nobody what broke inside', async () => {
    const answer = await get('/broken')
    expect(statusOf(answer)).toBe(500)
    expect(JSON.parse(bodyOf(answer))).toEqual({ message: 'internal error' })
    expect(test.logged.at(-1)).toMatchObject({ message: 'a docker request failed' })
  })
})

describe('queries and bodies', () => {
  it.each([
    ['{"label":["a=b","c"]}', ['a=b', 'c']],
    ['{"label":{"a=b":true,"c":true,"d":false}}', ['a=b', 'c']],
  ])('reads filters %s', async (text, labels) => {
    const answer = await get(`/things/a/json?filters=${encodeURIComponent(text)}`)
    expect(JSON.parse(bodyOf(answer)).filters.labels).toEqual(labels)
  })

  it.each([
    ['?filters={"colour":["red"]}', "invalid filter 'colour'"],
    ['?filters={"dangling":["maybe"]}', "invalid filter 'dangling=[maybe]'"],
    ['?filters=red', 'invalid filter: not JSON'],
    ['?filters=[1]', 'invalid filter'],
    ['?limit=many', 'limit: must be a number'],
  ])('refuses %s', async (search, message) => {
    const answer = await get(`/things/a/json${encodeURI(search)}`)
    expect(statusOf(answer)).toBe(400)
    expect(JSON.parse(bodyOf(answer))).toEqual({ message })
  })

  it.each([
    ['1', true],
    ['true', true],
    ['yes', true],
    ['0', false],
    ['False', false],
    ['', false],
    ['none', false],
  ])('takes all=%s for %s', async (word, value) => expect(JSON.parse(bodyOf(await get(`/things/a/json?all=${word}`))).all).toBe(value))

  it('parses JSON of that type only', async () => {
    expect(statusOf(await post('/things', '{"Name":"x"}'))).toBe(201)
    expect(bodyOf(await post('/things', '{"Name":1}'))).toContain('Name: ')
    expect(bodyOf(await post('/things', ''))).toContain('got EOF while reading request body')
    expect(bodyOf(await post('/things', '{'))).toContain('invalid JSON')
    expect(bodyOf(await post('/things', '{"Name":"x"}', 'Connection: close\r\nContent-Type: text/plain\r\n'))).toContain(
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    )
  })

  it('refuses a body that is too large before it has come', async () => {
    const answer = await raw(
      'POST /things HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{"Name":"',
    )
    expect(statusOf(answer)).toBe(413)
    expect(answer).toMatch(/^connection: close\r$/im)
  })

  it('answers what is no HTTP', async () => expect(statusOf(await raw('nonsense\r\n\r\n'))).toBe(400))
})

describe('JSON streams', () => {
  it('fails plainly before the first line and in a line after it', async () => {
    const before = await get('/lines?count=0')
    expect(statusOf(before)).toBe(404)
    expect(JSON.parse(bodyOf(before))).toEqual({ message: 'No such thing: x' })
    const after = await get('/lines?count=1')
    expect(statusOf(after)).toBe(200)
    expect(after).toContain('{"index":0}\r\n')
    expect(after).toContain('{"errorDetail":{"message":"No such thing: x"},"error":"No such thing: x"}')
  })
})

describe('connections that are taken over', () => {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n'
  const head = (length: number, more = upgrade) => `POST /echo/start HTTP/1.1\r\nHost: docker\r\n${more}Content-Length: ${length}\r\n\r\n`

  it('answers 101 when asked to upgrade, with the bytes behind the body', async () => {
    const answer = await raw(`${head(2)}{}early`, 'GET / HTTP/1.1\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n/)
    expect(answer).toMatch(/^content-type: application\/vnd\.docker\.raw-stream\r$/im)
    expect(answer).toMatch(/^upgrade: tcp\r$/im)
    expect(bodyOf(answer)).toBe('<early><GET / HTTP/1.1\r\n\r\n>end')
  })

  it('takes a body that comes in pieces', async () => {
    expect(bodyOf(await raw(head(13), '{"Tty":', 'false}in'))).toBe('<in>end')
  })

  it('answers 200 without length or chunks when not asked', async () => {
    const plain = 'Content-Type: application/json\r\n'
    const answer = await raw(head(2, plain), '{}', 'typed')
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).not.toMatch(/transfer-encoding|content-length/i)
    expect(bodyOf(answer)).toBe('<typed>end')
    expect(bodyOf(await raw(`${head(2, plain)}{}early`, 'late'))).toBe('<early><late>end')
  })

  it('fails as plain HTTP before that', async () => {
    for (const more of [upgrade, 'Content-Type: application/json\r\nConnection: close\r\n']) {
      const answer = await raw(`${head(12, more)}{"Tty":true}`)
      expect(statusOf(answer)).toBe(409)
      expect(JSON.parse(bodyOf(answer))).toEqual({ message: 'no terminal here' })
    }
  })

  it('ignores the wish of clients that always ask to upgrade', async () => {
    const answer = await get('/things/a/json', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n')
    expect(statusOf(answer)).toBe(200)
    expect(answer).toContain('"name":"a"')
  })

  it('survives clients that break off', async () => {
    const socket = connect(path)
    socket.write(`${head(2)}{}typed`)
    await once(socket, 'data')
    socket.destroy()
    expect(statusOf(await get('/things/a/json'))).toBe(200)
  })
})
