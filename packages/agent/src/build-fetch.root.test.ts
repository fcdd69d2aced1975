import { type Entry, tarOf } from '@gantry/engine/testing'
import { createHash, randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { developerPolicy, hostAdminPolicy } from '@gantry/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BuildOptions, buildTar } from './testing/builds.ts'
import { settledCounts } from './testing/kernel-counts.ts'
import { TestAgent } from './testing/test-agent.ts'

/** Builds that fetch from addresses, here from a server on this machine's loopback, and archives of every packing. */
let agent: TestAgent
let server: Server
let address = ''
const projectId = 'default'
let word = 'fetched'
const modified = new Date('2021-03-04T05:06:07Z')

/** What the server has, by path. */
const answers: Record<string, () => { status?: number; headers?: Record<string, string>; body?: Buffer | string; hangs?: boolean }> = {
  '/files/plain.txt': () => ({ headers: { 'last-modified': modified.toUTCString() }, body: word }),
  '/archive.tar.gz': () => ({ body: gzipSync('not unpacked') }),
  '/': () => ({ headers: { 'content-disposition': 'attachment; filename="said.txt"' }, body: 'said' }),
  '/moved': () => ({ status: 302, headers: { location: '/files/plain.txt' } }),
  '/away': () => ({ status: 302, headers: { location: 'ftp://127.0.0.1/x' } }),
  '/round': () => ({ status: 302, headers: { location: '/round' } }),
  '/nameless/': () => ({ body: 'nameless' }),
  '/large': () => ({ headers: { 'content-length': String(4 << 20) }, body: Buffer.alloc(4 << 20) }),
  '/chunked': () => ({ body: Buffer.alloc(4 << 20) }),
  '/short': () => ({ headers: { 'content-length': '100' }, body: 'cut' }),
  '/hangs': () => ({ hangs: true }),
}

beforeAll(async () => {
  agent = await TestAgent.start()
  server = createServer((request, response) => {
    const answer = answers[request.url ?? '']?.()
    const { status = 200, headers = {}, body = '', hangs = false } = answer ?? { status: 404, body: 'nothing is here' }
    response.writeHead(status, headers)
    if (hangs || request.url?.startsWith('/v2/')) response.write('begun')
    else if (request.url === '/short') response.write(body, () => response.destroy())
    else response.end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await agent[Symbol.asyncDispose]()
})

const build = async (dockerfile: string, options: BuildOptions = {}, signal?: AbortSignal, files: readonly Entry[] = []) =>
  buildTar(agent, await tarOf([{ name: 'Dockerfile', content: dockerfile }, ...files]), options, signal)
async function say(image: string, script: string): Promise<string[]> {
  const id = await agent.run({ image, command: ['sh', '-c', script] })
  await agent.wait(id)
  const lines = await agent.logs(id)
  await agent.remove(id)
  return lines
}
const cached = (text: string) => text.split('Using cache').length - 1

describe('ADD of an address', () => {
  test('is root’s alone, named and dated by the server, never unpacked, and checked when asked', async () => {
    const digest = createHash('sha256').update(word).digest('hex')
    const dockerfile = [
      'FROM busybox',
      'WORKDIR /w',
      `ADD ${address}/files/plain.txt .`,
      `ADD ${address}/files/plain.txt ${address}/archive.tar.gz two/`,
      `ADD ${address}/ by-header/`,
      `ADD --checksum=sha256:${digest} --chown=7:8 --chmod=644 ${address}/moved named`,
      `ADD ${address}/nameless/ to`,
    ].join('\n')
    const { progress } = await build(dockerfile, { references: ['fetched:1'] })
    expect(progress).toContainEqual({ status: 'downloading', current: word.length, total: word.length })
    const script =
      'cd /w; cat plain.txt; echo; stat -c "%a %u:%g %Y" plain.txt; ls two by-header; stat -c "%a %u:%g" named; cat to; echo; stat -c %Y to'
    expect(await say('fetched:1', script)).toEqual([
      ...['fetched', `600 0:0 ${modified.getTime() / 1000}`, 'by-header:', 'said.txt', '', 'two:', 'archive.tar.gz', 'plain.txt'],
      ...['644 7:8', 'nameless', '0'],
    ])
  })

  test('is cached by what comes', async () => {
    const dockerfile = `FROM busybox\nADD ${address}/files/plain.txt /f\nRUN cat /f`
    await build(dockerfile)
    expect(cached((await build(dockerfile)).text)).toBe(2)
    word = 'changed'
    expect((await build(dockerfile)).text).toContain('\nchanged')
  })

  test.each([
    ['ADD ADDRESS/none /x', /failed to GET .*\/none with status 404 Not Found: nothing is here/],
    ['ADD ADDRESS/nameless/ /to/', /cannot determine filename for source/],
    ['ADD ADDRESS/away /x', /ftp:\/\/127\.0\.0\.1\/x is no address/],
    ['ADD ADDRESS/round /x', /redirects more than 10 times/],
    ['ADD ADDRESS/short /x', /the connection (ended|broke) after [03] /],
    ['ADD http://nosuch.invalid/x /x', /host nosuch\.invalid cannot be found/],
    [`ADD --checksum=sha256:${'0'.repeat(64)} ADDRESS/files/plain.txt /x`, /digest mismatch/],
    ['ADD --checksum=md5:1 ADDRESS/files/plain.txt /x', /unsupported checksum/],
    [`ADD --checksum=sha256:${'0'.repeat(64)} Dockerfile /x`, /checksum can only be specified for a single HTTP/],
  ])('%s is refused', async (line, message) => {
    await expect(build(`FROM busybox\n${line.replace('ADDRESS', address)}`)).rejects.toMatchObject({
      message: expect.stringMatching(message),
    })
    expect(readdirSync(`${agent.dataDir}/build/tmp`)).toEqual([])
  })

  test('must fit into the room that is left, announced or not, all files together', async () => {
    for (const path of ['large', 'chunked'])
      await expect(build(`FROM busybox\nADD ${address}/${path} /x`, { limits: { maxBytes: 1 << 20 } })).rejects.toMatchObject({
        code: 'quota_exceeded',
      })
    const twice = `FROM busybox\nADD ${address}/large /x\nADD ${address}/large /y`
    await expect(build(twice, { limits: { maxBytes: 6 << 20 } })).rejects.toMatchObject({ code: 'quota_exceeded' })
  })

  test.each(['127.0.0.1', '[::1]', 'localhost', '169.254.169.254', '10.0.0.1', '[::ffff:127.0.0.1]', '0.0.0.0'])(
    'from %s is for host administrators, as it is the host that asks',
    async (host) => {
      const options = { policy: developerPolicy }
      await expect(build(`FROM busybox\nADD http://${host}:1/x /x`, options)).rejects.toMatchObject({ code: 'forbidden' })
      await expect(buildTar(agent, new Uint8Array(), { ...options, remote: `http://${host}:1/x` })).rejects.toMatchObject({
        code: 'forbidden',
      })
    },
  )
})

/** Builds that wait for a server, whatever they want of it, with what they have received so far. */
const waiting = [
  ['ADD', () => `FROM busybox\nADD ${address}/hangs /x`],
  ['a pull', () => `FROM ${address.slice('http://'.length)}/hangs:1`],
] as const

test.each(waiting)('%s ends when the client goes away, and nothing stays', async (_, dockerfile) => {
  await build('FROM busybox\nRUN true')
  const before = await settledCounts(agent)
  const abort = new AbortController()
  const asked = once(server, 'request')
  const building = build(dockerfile(), {}, abort.signal, [{ name: 'large', content: Buffer.alloc(8 << 20) }])
  building.catch(() => undefined)
  const [, response] = await asked
  const closed = once(response, 'close')
  abort.abort()
  await expect(building).rejects.toBeDefined()
  await closed
  await expect.poll(() => readdirSync(`${agent.dataDir}/build/tmp`)).toEqual([])
  await expect.poll(() => settledCounts(agent), { timeout: 60_000 }).toEqual(before)
})

test('a client that goes away while it sends, or while files are copied, leaves nothing', async () => {
  await build('FROM busybox\nRUN true')
  const before = await settledCounts(agent)
  const large = [{ name: 'large', content: randomBytes(64 << 20) }]
  const tar = await tarOf([{ name: 'Dockerfile', content: 'FROM busybox\nCOPY large /1\nCOPY large /2\nCOPY large /3' }, ...large])
  const half = new AbortController()
  const { channel, result } = agent.client.duplex('image.build', { projectId, policy: hostAdminPolicy }, { signal: half.signal })
  result.catch(() => undefined)
  await channel.write(tar.subarray(0, tar.length / 2))
  await expect.poll(() => readdirSync(`${agent.dataDir}/build/tmp`)).toHaveLength(1)
  half.abort()
  await expect(result).rejects.toBeDefined()
  await expect.poll(() => readdirSync(`${agent.dataDir}/build/tmp`)).toEqual([])

  const layers = () => readdirSync(`${agent.dataDir}/overlay2/containers`).length
  const idle = layers()
  const copying = new AbortController()
  const building = buildTar(agent, tar, { noCache: true }, copying.signal)
  building.catch(() => undefined)
  while (layers() === idle) await setImmediate()
  copying.abort()
  await expect(building).rejects.toBeDefined()
  await expect.poll(() => [layers(), readdirSync(`${agent.dataDir}/build/tmp`)]).toEqual([idle, []])
  await expect.poll(() => settledCounts(agent), { timeout: 60_000 }).toEqual(before)
})

test.each(waiting)('%s that the agent’s death interrupts leaves nothing', async (_, dockerfile) => {
  const asked = once(server, 'request')
  const building = build(dockerfile())
  building.catch(() => undefined)
  await asked
  await agent.kill()
  await expect(building).rejects.toBeDefined()
  await agent.start()
  expect([readdirSync(`${agent.dataDir}/build/tmp`), readdirSync(`${agent.dataDir}/images/tmp`)]).toEqual([[], []])
  await build('FROM busybox\nRUN true')
})

describe('a context from an address', () => {
  const remote = (path: string, options: BuildOptions = {}) =>
    buildTar(agent, new Uint8Array(), { remote: `${address}${path}`, ...options })

  test('is the text of a Dockerfile, or an archive, by its type or its content', async () => {
    const context = gzipSync(
      await tarOf([
        { name: 'Dockerfile', content: 'FROM busybox\nCOPY f /f\nRUN cat /f' },
        { name: 'other', content: 'FROM busybox\nRUN echo other' },
        { name: 'f', content: 'from afar' },
      ]),
    )
    answers['/context'] = () => ({ body: context })
    answers['/context.tgz'] = () => ({ headers: { 'content-type': 'application/x-gzip' }, body: context })
    answers['/Dockerfile'] = () => ({
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: 'FROM busybox\nRUN echo alone; ls -A /tmp',
    })
    expect((await remote('/context')).text).toContain('\nfrom afar')
    expect((await remote('/context.tgz', { dockerfile: 'other' })).text).toContain('\nother')
    expect((await remote('/Dockerfile')).text).toContain('\nalone')
    answers['/Dockerfile'] = () => ({ body: 'FROM busybox\nCOPY f /' })
    await expect(remote('/Dockerfile')).rejects.toMatchObject({ message: expect.stringContaining('COPY failed: file not found') })
    answers['/page'] = () => ({ headers: { 'content-type': 'text/html' }, body: '<html>' })
    await expect(remote('/page')).rejects.toMatchObject({ message: expect.stringContaining('unsupported Content-Type "text/html"') })
    answers['/empty'] = () => ({ body: '' })
    await expect(remote('/empty')).rejects.toMatchObject({ message: expect.stringContaining('empty response') })
    await expect(remote('/nowhere')).rejects.toMatchObject({ code: 'not_found' })
  })
})

test('ADD unpacks archives of every packing', async () => {
  const tar = await tarOf([{ name: 'x', content: 'packed' }])
  const packers = { gz: 'gzip', bz2: 'bzip2', xz: 'xz', zst: 'zstd' }
  const files = [
    { name: 'plain', content: tar },
    ...Object.entries(packers).map(([name, program]) => ({ name, content: execFileSync(program, ['-c'], { input: tar }) })),
    // Packed, but no archive: copied as it is.
    { name: 'no.gz', content: gzipSync('text') },
  ]
  const adds = files.map(({ name }) => `ADD ${name} /out/${name}/`)
  await build(['FROM busybox', ...adds].join('\n'), { references: ['packed:1'] }, undefined, files)
  const seen = await say('packed:1', 'cd /out; for each in plain gz bz2 xz zst; do cat $each/x; echo; done; gunzip -c no.gz/no.gz')
  expect(seen).toEqual(['packed', 'packed', 'packed', 'packed', 'packed', 'text'])
})

test('RUN on a network of one’s own knows its containers; with none and with a container’s it has theirs', async () => {
  await agent.client.call('network.create', { projectId, spec: { name: 'inner' } })
  const id = await agent.run({ name: 'known', endpoints: [{ network: 'inner' }], command: ['sleep', '1000'] })
  const onNetwork = { networkMode: 'bridge' as const, endpoints: [{ network: 'inner' }], noCache: true }
  const { text } = await build('FROM busybox\nRUN ping -c 1 known\nRUN --network=none ls /sys/class/net', onNetwork)
  expect(text).toContain('1 packets received')
  expect(text).toMatch(/Running in [0-9a-f]+\nlo\n/)
  const joined = await build('FROM busybox\nRUN hostname -i; ip -o addr', { networkMode: 'container:known', noCache: true })
  const { endpoints } = await agent.inspect(id)
  expect(joined.text).toContain(`inet ${endpoints[0]?.ipv4Address}`)
  await expect(build('FROM busybox\nRUN true', { ...onNetwork, endpoints: [{ network: 'nosuch' }] })).rejects.toMatchObject({
    code: 'not_found',
  })
  await agent.remove(id, { force: true })
  await agent.client.call('network.remove', { projectId, network: 'inner' })
})
