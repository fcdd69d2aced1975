import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { randomBytes } from 'node:crypto'
import type { Progress, RegistryAuth } from '@gantry/contracts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { imageOf, load, ociArchive, type TestHost, type TestImage, testHost } from '../fixture.ts'
import { tarOf } from '../../testing/tar.ts'
import { digestOf, mediaTypes } from '../manifest.ts'

/** Debian's docker-registry on a port of its own, with storage of its own; nothing of the package's service is used. */
let registry: { readonly address: string; readonly folder: string; readonly process: ChildProcess }
let host: TestHost

beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(async () => {
  registry.process.kill('SIGKILL')
  await once(registry.process, 'close')
  await rm(registry.folder, { recursive: true, force: true })
})
beforeEach(async () => {
  host = await testHost()
})
afterEach(() => host[Symbol.asyncDispose]())

async function startRegistry() {
  const folder = mkdtempSync('/var/tmp/gantry-test-registry-')
  writeFileSync(
    join(folder, 'config.yml'),
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${folder}/data}}\nhttp: {addr: "127.0.0.1:0"}\nlog: {level: info}\n`,
  )
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] })
  const spawned = once(child, 'spawn').catch((cause) => {
    throw new Error('docker-registry cannot be started: apt-get install docker-registry', { cause })
  })
  await spawned
  for await (const line of createInterface({ input: child.stderr })) {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1]
    if (!address) continue
    child.stderr.resume()
    return { address, folder, process: child }
  }
  throw new Error('docker-registry ended before it listened')
}

type Handler = (request: http.IncomingMessage, answer: http.ServerResponse, forward: () => void) => void

/** A registry that does with some requests what the test says, and passes the others on to the real one. */
async function proxy(handle: Handler) {
  const requests: { method: string; url: string; headers: http.IncomingHttpHeaders }[] = []
  const server = http.createServer((request, answer) => {
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    handle(request, answer, () => forward(request, answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function forward(
  request: http.IncomingMessage,
  answer: http.ServerResponse,
  change: (response: http.IncomingMessage) => void = () => undefined,
) {
  // The registry makes upload addresses from the Host header, so they lead through the proxy again.
  const onward = http.request(
    `http://${registry.address}${request.url}`,
    { method: request.method, headers: request.headers },
    (response) => {
      change(response)
      answer.writeHead(response.statusCode ?? 500, response.headers)
      response.pipe(answer)
    },
  )
  onward.on('error', () => answer.destroy())
  request.pipe(onward)
}

const isBlob = (request: http.IncomingMessage) => request.method === 'GET' && /\/blobs\/sha256:/.test(request.url ?? '')

async function pull(
  reference: string,
  options: {
    host?: TestHost
    auth?: RegistryAuth
    platform?: string
    limits?: { maxBytes: number }
    signal?: AbortSignal
    projectId?: string
  } = {},
) {
  const { host: of = host, signal = new AbortController().signal, projectId = 'default', ...rest } = options
  const lines: Progress[] = []
  for await (const line of of.images.handlers['image.pull']({ projectId, reference, ...rest }, signal)) lines.push(line)
  return lines
}
async function push(reference: string, options: { auth?: RegistryAuth } = {}) {
  const lines: Progress[] = []
  for await (const line of host.images.handlers['image.push'](
    { projectId: 'default', reference, ...options },
    new AbortController().signal,
  ))
    lines.push(line)
  return lines
}
const tag = (image: string, reference: string) =>
  host.images.handlers['image.tag']({ projectId: 'default', image, reference }, new AbortController().signal)

/** Pushes an image with one layer of so many random bytes, under a name of its own. */
async function published(bytes = 2_000_000): Promise<{ path: string; image: TestImage; layerDigest: string }> {
  const layer = await tarOf([{ name: 'data', content: randomBytes(bytes) }])
  const image = imageOf([layer], { plain: true })
  const path = `test/${randomBytes(6).toString('hex')}:1`
  await using publisher = await testHost()
  const name = `${registry.address}/${path}`
  await load(publisher, await ociArchive(image, name))
  for await (const _ of publisher.images.handlers['image.push']({ projectId: 'default', reference: name }, new AbortController().signal)) {
    // to the end
  }
  return { path, image, layerDigest: digestOf(image.layers[0] as Buffer) }
}

const partials = () => readdirSync(join(host.config.dataDir, 'images/partial'))
const blobs = () => readdirSync(join(host.config.dataDir, 'images/blobs/sha256')).sort()

describe('against a real registry', () => {
  test('what is pushed is what is pulled', async () => {
    const name = `${registry.address}/tools/box:v1`
    await tag('busybox', name)
    const pushed = await push(name)
    expect(pushed.map((line) => line.status)).toEqual(expect.arrayContaining(['uploading', 'pushed', 'done']))
    await using other = await testHost()
    await other.images.handlers['image.prune']({ projectId: 'system', all: true }, new AbortController().signal)
    const lines = await pull(name, { host: other })
    expect([...new Set(lines.map((line) => line.status))]).toEqual([
      'resolving',
      'waiting',
      'downloading',
      'downloaded',
      'extracting',
      'complete',
      'done',
    ])
    expect(lines.at(-1)?.digest).toBe(pushed.at(-1)?.digest)
    const [ours, theirs] = [await host.images.resolve('default', name), await other.images.resolve('default', name)]
    expect(theirs.id).toBe(ours.id)
    const [summary] = await other.images.handlers['image.list']({ projectId: 'default' }, new AbortController().signal)
    expect(summary?.repoDigests).toEqual([`${registry.address}/tools/box@${pushed.at(-1)?.digest}`])
    expect((await other.images.resolve('default', summary?.repoDigests[0] as string)).id).toBe(ours.id)
  })

  test('a second push and a second pull move no layer', async () => {
    const name = `${registry.address}/tools/twice:1`
    await tag('busybox', name)
    await push(name)
    expect((await push(name)).map((line) => line.status)).toEqual(['waiting', 'exists', 'done'])
    expect((await pull(name)).map((line) => line.status)).not.toContain('downloading')
  })

  test('a docker manifest, and the right platform of a list', async () => {
    const image = imageOf([await tarOf([{ name: 'a', content: 'amd64' }])])
    const repository = `http://${registry.address}/v2/multi/arch`
    const docker = JSON.parse(image.manifest.toString()) as {
      mediaType: string
      config: { mediaType: string }
      layers: { mediaType: string }[]
    }
    docker.mediaType = mediaTypes.dockerManifest
    docker.config.mediaType = 'application/vnd.docker.container.image.v1+json'
    for (const layer of docker.layers) layer.mediaType = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
    const manifest = Buffer.from(JSON.stringify(docker))
    for (const blob of [image.config, ...image.layers]) {
      const place = (await fetch(`${repository}/blobs/uploads/`, { method: 'POST' })).headers.get('location') as string
      await fetch(`${place}&digest=${digestOf(blob)}`, { method: 'PUT', body: new Uint8Array(blob) })
    }
    const put = (name: string, type: string, body: Buffer) =>
      fetch(`${repository}/manifests/${name}`, { method: 'PUT', headers: { 'content-type': type }, body: new Uint8Array(body) })
    expect((await put('plain', mediaTypes.dockerManifest, manifest)).status).toBe(201)
    const entry = (architecture: string) => ({
      mediaType: mediaTypes.dockerManifest,
      digest: digestOf(manifest),
      size: manifest.length,
      platform: { os: 'linux', architecture },
    })
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerList, manifests: [entry('amd64')] }))
    expect((await put('list', mediaTypes.dockerList, index)).status).toBe(201)
    await pull(`${registry.address}/multi/arch:plain`)
    expect((await pull(`${registry.address}/multi/arch:list`, { platform: 'linux/amd64' })).at(-1)?.digest).toBe(digestOf(index))
    expect((await host.images.resolve('default', `${registry.address}/multi/arch:list`)).id).toBe(image.id)
    await expect(pull(`${registry.address}/multi/arch:list`, { platform: 'linux/s390x' })).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/there is none for linux\/s390x/),
    })
  })

  test('an image that is not there', async () => {
    await expect(pull(`${registry.address}/no/such:1`)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/^cannot pull .*no\/such:1: registry .* says "manifest unknown"/),
    })
  })

  test('an image larger than the limit is refused before its layers come', async () => {
    const { path } = await published(200_000)
    const before = blobs()
    await expect(pull(`${registry.address}/${path}`, { limits: { maxBytes: 100_000 } })).rejects.toMatchObject({ code: 'quota_exceeded' })
    expect(blobs()).toEqual(before)
  })
})

describe('downloads', () => {
  test('go on where the connection broke', async () => {
    const { path, layerDigest } = await published(3_000_000)
    let cuts = 2
    await using cutting = await proxy((request, answer, onward) => {
      if (!isBlob(request) || !request.url?.includes(layerDigest) || cuts-- <= 0) return onward()
      forward(request, answer, (response) => {
        let sent = 0
        response.on('data', (chunk: Buffer) => {
          sent += chunk.length
          if (sent > 700_000) answer.destroy()
        })
      })
    })
    await pull(`${cutting.address}/${path}`)
    const ranges = cutting.requests
      .filter((each) => each.url.includes(layerDigest) && each.method === 'GET')
      .map((each) => each.headers.range)
    expect(ranges).toHaveLength(3)
    expect(ranges[0]).toBeUndefined()
    const [second, third] = ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]))
    expect(second).toBeGreaterThan(100_000)
    expect(third).toBeGreaterThan(second as number)
    expect(blobs()).toContain(layerDigest.slice(7))
    expect(partials()).toEqual([])
  })

  test('go on after the agent was started again', async () => {
    const { path, layerDigest } = await published(3_000_000)
    await using slow = await proxy((request, answer, onward) => {
      if (!isBlob(request) || !request.url?.includes(layerDigest) || request.headers.range) return onward()
      // The first attempt gets a part and then nothing more.
      forward(request, answer, (response) => {
        response.once('data', () => response.unpipe(answer))
      })
    })
    const controller = new AbortController()
    const first = host.images.handlers['image.pull']({ projectId: 'default', reference: `${slow.address}/${path}` }, controller.signal)
    await expect(
      (async () => {
        for await (const line of first) if (line.status === 'downloading' && (line.current ?? 0) > 0) controller.abort()
      })(),
    ).rejects.toMatchObject({ code: 'cancelled' })
    expect(partials()).toEqual([layerDigest.slice(7)])
    const next = await host.reopen()
    await pull(`${slow.address}/${path}`, { host: next })
    const last = slow.requests.filter((each) => each.url.includes(layerDigest)).at(-1)
    expect(last?.headers.range).toMatch(/^bytes=[1-9]\d*-$/)
    expect(partials()).toEqual([])
  })

  test('start anew when the registry cannot continue', async () => {
    const { path, layerDigest } = await published(1_000_000)
    writeFileSync(join(host.config.dataDir, 'images/partial', layerDigest.slice(7)), 'another beginning')
    await using whole = await proxy((request, _answer, onward) => {
      delete request.headers.range
      onward()
    })
    await pull(`${whole.address}/${path}`)
    expect(blobs()).toContain(layerDigest.slice(7))
  })

  test('start anew when the earlier part was damaged on the disk', async () => {
    const { path, layerDigest } = await published(1_000_000)
    writeFileSync(join(host.config.dataDir, 'images/partial', layerDigest.slice(7)), Buffer.alloc(500_000))
    await pull(`${registry.address}/${path}`)
    expect(blobs()).toContain(layerDigest.slice(7))
  })

  test('of a layer that several pulls want happen once', async () => {
    const { path, layerDigest } = await published(2_000_000)
    await using counting = await proxy((_request, _answer, onward) => onward())
    await Promise.all(['alpha', 'beta', 'gamma'].map((projectId) => pull(`${counting.address}/${path}`, { projectId })))
    expect(counting.requests.filter((each) => each.method === 'GET' && each.url.includes(layerDigest))).toHaveLength(1)
    for (const projectId of ['alpha', 'beta', 'gamma']) await host.images.resolve(projectId, `${counting.address}/${path}`)
  })

  const wrong: [string, (body: Buffer) => Buffer, RegExp][] = [
    [
      'has another content',
      (body) => Buffer.concat([body.subarray(0, -1), Buffer.from('~')]),
      /what the registry sent as sha256:.* has the digest sha256:/,
    ],
    ['is longer than its manifest says', (body) => Buffer.concat([body, Buffer.from('more')]), /is longer than the \d+ bytes/],
  ]
  test.each(wrong)('are refused when the content %s, without a trace', async (_name, change, message) => {
    const { path, image, layerDigest } = await published(100_000)
    await using lying = await proxy((request, answer, onward) => {
      if (!isBlob(request) || !request.url?.includes(layerDigest)) return onward()
      answer.writeHead(200).end(change(image.layers[0] as Buffer))
    })
    const before = blobs()
    await expect(pull(`${lying.address}/${path}`)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringMatching(message) })
    expect([blobs(), partials()]).toEqual([before, []])
  })

  test('fail with the reason when the registry stays away', async () => {
    await using gone = await proxy((request) => request.destroy())
    await expect(pull(`${gone.address}/x/y:1`)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/cannot be reached/),
    })
  })

  test('are tried again while the registry is overloaded', async () => {
    const { path } = await published(1000)
    let refusals = 3
    await using busy = await proxy((_request, answer, onward) => (refusals-- > 0 ? answer.writeHead(503).end() : onward()))
    expect((await pull(`${busy.address}/${path}`)).at(-1)?.status).toBe('done')
  })
})

describe('credentials', () => {
  const auth: RegistryAuth = { username: 'ada', password: 'secret' }
  const basic = `Basic ${Buffer.from('ada:secret').toString('base64')}`

  test('basic', async () => {
    const { path } = await published(1000)
    await using guarded = await proxy((request, answer, onward) =>
      request.headers.authorization === basic ? onward() : answer.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end(),
    )
    await pull(`${guarded.address}/${path}`, { auth })
    await expect(pull(`${guarded.address}/${path}`)).rejects.toMatchObject({
      code: 'forbidden',
      detail: { remedy: expect.stringMatching(/user name/) },
    })
    await expect(pull(`${guarded.address}/${path}`, { auth: { ...auth, password: 'wrong' } })).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('a bearer token for the repository, from the server that the registry names', async () => {
    const { path } = await published(1000)
    await using tokens = await proxy((request, answer) => {
      const scope = new URL(request.url ?? '', 'http://x').searchParams.get('scope')
      const good = request.headers.authorization === basic && scope?.startsWith('repository:test/')
      answer.writeHead(good ? 200 : 401).end(JSON.stringify({ token: 'the-token', expires_in: 300 }))
    })
    await using guarded = await proxy((request, answer, onward) => {
      if (request.headers.authorization === 'Bearer the-token') return onward()
      answer.writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens.address}/token",service="s"` }).end()
    })
    await pull(`${guarded.address}/${path}`, { auth })
    expect(tokens.requests).toHaveLength(1)
    expect(tokens.requests[0]?.url).toMatch(/service=s&scope=repository%3Atest%2F[0-9a-f]+%3Apull$/)
    await tag('busybox', `${guarded.address}/test/pushed:1`)
    expect((await push(`${guarded.address}/test/pushed:1`, { auth })).at(-1)?.status).toBe('done')
  })

  test('never follow a redirect to another host', async () => {
    const { path } = await published(1000)
    await using elsewhere = await proxy((_request, _answer, onward) => onward())
    await using guarded = await proxy((request, answer, onward) => {
      if (request.headers.authorization !== basic) answer.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
      else if (isBlob(request)) answer.writeHead(307, { location: `http://${elsewhere.address}${request.url}` }).end()
      else onward()
    })
    await pull(`${guarded.address}/${path}`, { auth })
    expect(elsewhere.requests.length).toBeGreaterThan(0)
    for (const request of elsewhere.requests) expect(request.headers.authorization).toBeUndefined()
  })

  test('are not sent over a redirect or a token address that leads to a private or metadata address', async () => {
    await using redirecting = await proxy((_request, answer) =>
      answer.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
    )
    await expect(pull(`${redirecting.address}/x/y:1`)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(/private address 169\.254\.169\.254/),
    })
    await using tokens = await proxy((_request, answer) =>
      answer.writeHead(401, { 'www-authenticate': 'Bearer realm="http://192.168.1.1/token"' }).end(),
    )
    await expect(pull(`${tokens.address}/x/y:1`, { auth })).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(/private address 192\.168\.1\.1/),
    })
  })

  test.each(['10.1.2.3:5000', '192.168.0.1', '172.20.0.1:443', '169.254.169.254', '0.0.0.0:5000'])(
    'a registry at %s is refused unless it is listed',
    async (address) => {
      await expect(pull(`${address}/x:1`)).rejects.toMatchObject({ code: 'forbidden', message: expect.stringMatching(/private address/) })
    },
  )
})
