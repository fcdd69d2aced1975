import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type Socket, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { replaceFile } from '../lib/atomic-file.ts'
import { dockerArchive, imageOf, load, ociArchive, type TestHost, testChannel, testHost } from './fixture.ts'
import { tarOf } from '../testing/tar.ts'
import { digestOf } from './manifest.ts'

const signal = new AbortController().signal
let host: TestHost
beforeEach(async () => {
  host = await testHost()
})
afterEach(() => host[Symbol.asyncDispose]())

/** Everything on the disk that belongs to images, by name. */
const content = (of = host) => ({
  blobs: readdirSync(join(of.config.dataDir, 'images/blobs/sha256')).sort(),
  layers: readdirSync(join(of.config.dataDir, 'overlay2/layers')).sort(),
  unfinished: [
    ...readdirSync(join(of.config.dataDir, 'images/tmp')),
    ...readdirSync(join(of.config.dataDir, 'images/partial')),
    ...readdirSync(join(of.config.dataDir, 'overlay2/tmp')),
  ],
})
const list = (projectId?: string) => host.images.handlers['image.list']({ projectId }, signal)
const remove = (image: string, options: { projectId?: string; force?: boolean } = {}) =>
  host.images.handlers['image.remove']({ projectId: options.projectId ?? 'default', image, force: options.force ?? false }, signal)
const prune = (all: boolean, projectId = 'default') => host.images.handlers['image.prune']({ projectId, all }, signal)
const layerWith = (name: string, bytes = 1000) => tarOf([{ name, content: Buffer.alloc(bytes, name) }])

describe('busybox', () => {
  test('is there from the start, for every project, and can be used by nobody but to read', async () => {
    const image = await host.images.resolve('any', 'busybox')
    expect(image.reference).toBe('busybox:latest')
    expect(image.config.command).toEqual(['sh'])
    const root = host.layers.path(image.layers[0] as string)
    expect(
      execFileSync('chroot', [root, '/bin/sh', '-c', 'id -un; ls -d /tmp; stat -c %a /tmp; echo ok | /usr/bin/head -1'], {
        encoding: 'utf8',
      }),
    ).toBe('root\n/tmp\n1777\nok\n')
    expect(statSync(join(root, 'bin/sh')).ino).toBe(statSync(join(root, 'bin/busybox')).ino)
    await expect(remove('busybox')).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('is made once and is the same at the next start', async () => {
    const before = content()
    const next = await host.reopen()
    expect(content(next)).toEqual(before)
    expect((await next.images.resolve('p', 'busybox')).id).toBe((await host.images.resolve('p', 'busybox')).id)
  })

  test('is made again when its layer is lost', async () => {
    const [layer] = (await host.images.resolve('p', 'busybox')).layers
    await host.layers.remove(layer as string)
    const next = await host.reopen()
    expect(existsSync(next.layers.path(layer as string))).toBe(true)
  })
})

describe('names', () => {
  test('an unknown image says how to get it', async () => {
    await expect(host.images.resolve('default', 'x')).rejects.toMatchObject({
      code: 'not_found',
      message: 'no such image: x:latest',
      detail: { remedy: expect.stringMatching(/pull/) },
    })
  })

  test('belong to their project alone', async () => {
    await load(host, await ociArchive(imageOf([await layerWith('a')]), 'mine:1'), 'alpha')
    expect((await host.images.resolve('alpha', 'mine:1')).reference).toBe('mine:1')
    await expect(host.images.resolve('beta', 'mine:1')).rejects.toMatchObject({ code: 'not_found', message: 'no such image: mine:1' })
    const { id } = await host.images.resolve('alpha', 'mine:1')
    await expect(host.images.resolve('beta', id)).rejects.toMatchObject({ code: 'not_found' })
    await expect(remove('mine:1', { projectId: 'beta' })).rejects.toMatchObject({ code: 'not_found' })
    expect((await list('beta')).map((image) => image.tags)).toEqual([['busybox:latest']])
  })

  test('an image is found by name, id and the beginning of its id', async () => {
    const image = imageOf([await layerWith('a')])
    await load(host, await ociArchive(image, 'docker.io/library/mine:1'))
    for (const name of ['mine:1', 'docker.io/library/mine:1', image.id, image.id.slice(7), image.id.slice(7, 15)]) {
      expect((await host.images.resolve('default', name)).id).toBe(image.id)
    }
  })

  test('a tag of the system project’s image becomes the project’s own', async () => {
    await host.images.handlers['image.tag']({ projectId: 'default', image: 'busybox', reference: 'tools:v1' }, signal)
    expect((await list('default')).find((image) => image.projectId === 'default')?.tags).toEqual(['tools:v1'])
    expect(await remove('tools:v1')).toMatchObject({ untagged: ['tools:v1'] })
    expect((await host.images.resolve('default', 'busybox')).layers).toHaveLength(1)
  })
})

describe('load', () => {
  test('an OCI layout and docker’s archive of the same image share everything', async () => {
    const image = imageOf([await layerWith('a'), await layerWith('b')])
    expect(await load(host, await ociArchive(image, 'first:1'))).toEqual({ references: ['first:1'], ids: [image.id] })
    const before = content()
    expect(await load(host, await dockerArchive(image, ['second:2']))).toEqual({ references: ['second:2'], ids: [image.id] })
    expect(content().layers).toEqual(before.layers)
    const [loaded] = (await list('default')).filter((each) => each.id === image.id)
    expect(loaded).toMatchObject({ tags: ['first:1', 'second:2'], sizeBytes: 2000, sharedBytes: 0, createdAt: '2026-01-02T03:04:05Z' })
    expect(content().unfinished).toEqual([])
  })

  test.each(['gzip', 'zstd'])('an archive compressed with %s', async (program) => {
    const image = imageOf([await layerWith('a')], { plain: true })
    const archive = execFileSync(program, ['-c'], { input: await dockerArchive(image, ['packed:1']) })
    expect(await load(host, archive)).toEqual({ references: ['packed:1'], ids: [image.id] })
  })

  test('tells its progress', async () => {
    const channel = testChannel(await ociArchive(imageOf([await layerWith('a')]), 'told:1'))
    await host.images.handlers['image.load']({ projectId: 'default', admission: false }, channel, signal)
    const lines = Buffer.concat(channel.received)
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { status: string; message?: string })
    expect(lines.map((line) => line.status)).toEqual(['extracting', 'complete', 'loaded'])
    expect(lines.at(-1)?.message).toBe('told:1')
  })

  test('asks for leave with the number of its images before any can be seen', async () => {
    const images = [imageOf([await layerWith('one')], { plain: true }), imageOf([await layerWith('two')], { plain: true })]
    const archive = await ociArchive(images[0] as (typeof images)[0], 'asked:1')
    const outcome = await withBulk(host, archive, async (ids) => {
      expect(ids).toEqual([images[0]?.id])
      expect((await list('default')).map(({ id }) => id)).not.toContain(images[0]?.id)
      return true
    })
    expect(outcome).toEqual({ references: ['asked:1'], ids: [images[0]?.id] })
    const refused = withBulk(host, await ociArchive(images[1] as (typeof images)[0], 'refused:1'), async () => false)
    await expect(refused).rejects.toMatchObject({ code: 'cancelled' })
    expect((await list('default')).map(({ id }) => id)).not.toContain(images[1]?.id)
    expect(content().unfinished).toEqual([])
  })

  test('the same layer twice in one image', async () => {
    const layer = await layerWith('a')
    const image = imageOf([layer, await layerWith('b'), layer])
    await load(host, await ociArchive(image, 'twice:1'))
    expect((await host.images.resolve('default', 'twice:1')).layers).toHaveLength(3)
  })

  test('a layer that another image has already is shared and counted as such', async () => {
    const base = await layerWith('base', 5000)
    await load(host, await ociArchive(imageOf([base]), 'one:1'))
    await load(host, await ociArchive(imageOf([base, await layerWith('top', 3000)]), 'two:1'))
    const images = await list('default')
    expect(images.find((image) => image.tags[0] === 'two:1')).toMatchObject({ sizeBytes: 8000, sharedBytes: 5000 })
    expect(host.images.usage('default')).toEqual({ images: 2, sizeBytes: 8000 })
  })
})

describe('a bad archive leaves a clear message and no trace', () => {
  const good = async () => imageOf([await layerWith('a')])
  const cases: [string, () => Promise<Buffer>, RegExp, limits?: { maxBytes: number }][] = [
    ['not an archive', async () => Buffer.from('hello '.repeat(500)), /not a tar archive/],
    [
      'a tar without an image',
      () => tarOf([{ name: 'readme', content: 'x' }]),
      /not an image archive: it has neither index.json nor manifest.json/,
    ],
    ['nothing', async () => Buffer.alloc(0), /not an image archive/],
    ['cut off', async () => (await ociArchive(await good())).subarray(0, 3000), /[Tt]runcated|not an image archive/],
    [
      'cut off in the compressed data',
      async () => gzipSync(await ociArchive(await good())).subarray(0, 600),
      /damaged|truncated|not an image/,
    ],
    ['a name that leaves', async () => tarOf([{ name: '../../etc/passwd', content: 'x' }]), /leaves the layer/],
    ['an absolute name', async () => tarOf([{ name: '/etc/passwd', content: 'x' }]), /absolute path/],
    ['a device', async () => tarOf([{ name: 'sda', type: 'block-device', devmajor: 8, devminor: 0 }]), /is a device/],
    [
      'links in a circle',
      async () =>
        tarOf([
          { name: 'manifest.json', type: 'symlink', linkname: 'b' },
          { name: 'b', type: 'symlink', linkname: 'manifest.json' },
        ]),
      /go in a circle/,
    ],
    [
      'a link out as config',
      async () =>
        tarOf([
          { name: 'c.json', type: 'symlink', linkname: '/etc/passwd' },
          { name: 'manifest.json', content: JSON.stringify([{ Config: 'c.json', RepoTags: [], Layers: [] }]) },
        ]),
      /no config "c.json"/,
    ],
    ['a table that is no JSON', async () => tarOf([{ name: 'manifest.json', content: '{' }]), /manifest.json of the archive is not JSON/],
    ['a layer that is missing', async () => dockerArchive({ ...(await good()), layers: [] }, ['x:1']), /0 layers, but its config names 1/],
    [
      'content that is not what its digest says',
      async () => {
        const image = await good()
        const archive = await ociArchive(image)
        const at = archive.indexOf(image.layers[0] as Buffer)
        archive[at + 30] = (archive[at + 30] as number) ^ 0xff
        return archive
      },
      /the archive is damaged: blob sha256:[0-9a-f]{64} has the content of/,
    ],
    [
      'a layer that is not what the config says',
      async () => ociArchive(imageOf([await layerWith('a')], { diffIds: [digestOf(Buffer.from('other'))] })),
      /layer content has digest/,
    ],
    ['a layer with ..', async () => ociArchive(imageOf([await tarOf([{ name: '../x', content: 'x' }])])), /"\.\.\/x" leaves the layer/],
    [
      'a layer that writes through a link',
      async () =>
        ociArchive(
          imageOf([
            await tarOf([
              { name: 'l', type: 'symlink', linkname: '/' },
              { name: 'l/x', content: 'x' },
            ]),
          ]),
        ),
      /symbolic link "l"/,
    ],
    [
      'a second layer that is bad',
      async () => ociArchive(imageOf([await layerWith('a'), Buffer.from('no tar'.repeat(200))])),
      /not a tar archive/,
    ],
    ['a name that is none', async () => ociArchive(await good(), 'Not/A Name:::'), /invalid image reference/],
    [
      'more than the limit',
      async () => ociArchive(imageOf([await layerWith('a', 50_000)])),
      /larger than the limit of 20000 bytes/,
      { maxBytes: 20_000 },
    ],
    [
      'a bomb',
      async () => ociArchive(imageOf([await tarOf([{ name: 'f', content: Buffer.alloc(300 * 1024 ** 2) }])])),
      /decompression bomb/,
    ],
  ]
  test.each(cases)('%s', async (_name, archive, message, limits) => {
    const before = content()
    await expect(load(host, await archive(), 'default', limits)).rejects.toMatchObject({
      code: expect.stringMatching(/invalid_input|quota_exceeded/),
      message: expect.stringMatching(message),
    })
    expect(content()).toEqual(before)
    expect(await list('default')).toHaveLength(1)
  })
})

describe('save', () => {
  test('gives an archive that loads elsewhere, whole and by docker’s table alone', async () => {
    const image = imageOf([await layerWith('a'), await layerWith('b')], { config: { Cmd: ['run'], Env: ['A=1'], Labels: { l: 'v' } } })
    await load(host, await ociArchive(image, 'saved:1'))
    const channel = testChannel(Buffer.alloc(0))
    const { bytes } = await host.images.handlers['image.save']({ projectId: 'default', images: ['saved:1', 'busybox'] }, channel, signal)
    const archive = Buffer.concat(channel.received)
    expect(archive.length).toBe(bytes)
    await using other = await testHost()
    const loaded = await load(other, archive, 'elsewhere')
    expect(loaded.references.sort()).toEqual(['busybox:latest', 'saved:1'])
    expect((await other.images.resolve('elsewhere', 'saved:1')).id).toBe(image.id)
    writeFileSync(join(other.config.dataDir, 'a.tar'), archive)
    mkdirSync(join(other.config.dataDir, 'x'))
    execFileSync('tar', ['-xf', join(other.config.dataDir, 'a.tar'), '-C', join(other.config.dataDir, 'x')])
    const table = JSON.parse(readFileSync(join(other.config.dataDir, 'x/manifest.json'), 'utf8')) as {
      RepoTags: string[]
      Layers: string[]
    }[]
    expect(table.map((entry) => entry.RepoTags)).toEqual([['saved:1'], ['busybox:latest']])
    expect(table[0]?.Layers.every((layer) => existsSync(join(other.config.dataDir, 'x', layer)))).toBe(true)
  })
})

describe('remove and prune', () => {
  test('the last name takes the image and what only it had', async () => {
    const before = content()
    const base = await layerWith('base')
    await load(host, await ociArchive(imageOf([base]), 'one:1'))
    const withOne = content()
    await load(host, await ociArchive(imageOf([base, await layerWith('top')]), 'two:1'))
    await host.images.handlers['image.tag']({ projectId: 'default', image: 'two:1', reference: 'also:2' }, signal)
    expect(await remove('two:1')).toEqual({ untagged: ['two:1'], deleted: [] })
    await remove('also:2')
    expect(content()).toEqual(withOne)
    await remove('one:1')
    expect(content()).toEqual(before)
  })

  test('what a container uses stays, with force only without its name', async () => {
    const image = imageOf([await layerWith('a')])
    await load(host, await ociArchive(image, 'used:1'))
    await host.images.addUser(image.id, 'c'.repeat(64), 'default')
    await expect(remove('used:1')).rejects.toMatchObject({
      code: 'wrong_state',
      message: expect.stringMatching(
        `^conflict: unable to remove repository reference "used:1" \\(must force\\) - container ${'c'.repeat(12)} is using its referenced image`,
      ),
    })
    expect((await prune(true)).deleted).toEqual([])
    expect(await remove('used:1', { force: true })).toEqual({ untagged: ['used:1'], deleted: [] })
    await expect(remove(image.id, { force: true })).rejects.toMatchObject({ code: 'wrong_state' })
    expect((await host.images.resolve('default', image.id)).layers).toHaveLength(1)
    expect((await list('default')).find((each) => each.id === image.id)?.containers).toBe(1)
    await host.images.removeUser('c'.repeat(64))
    expect((await prune(false)).deleted).toEqual([image.id])
  })

  test('by id, several names need force', async () => {
    const image = imageOf([await layerWith('a')])
    await load(host, await dockerArchive(image, ['x:1', 'x:2']))
    await expect(remove(image.id)).rejects.toMatchObject({
      code: 'wrong_state',
      message: expect.stringMatching(/\(must be forced\) - image is referenced in multiple repositories$/),
      detail: { remedy: 'its names are x:1, x:2' },
    })
    expect((await remove(image.id, { force: true })).untagged.sort()).toEqual(['x:1', 'x:2'])
  })

  test('the list by name, age and missing name; pruning by label and age', async () => {
    const old = imageOf([await layerWith('old')], { config: { Labels: { keep: 'yes' } } })
    await load(host, await dockerArchive(old, ['team/old:1', 'other:2']))
    const nameless = imageOf([await layerWith('nameless')])
    await load(host, await ociArchive(nameless))
    const some = async (filter: Parameters<typeof listed>[0]) => (await listed(filter)).map(({ id, tags }) => [id, ...tags])
    const listed = (filter: { dangling?: boolean; references?: string[]; before?: string; since?: string; labels?: string[] }) =>
      host.images.handlers['image.list']({ projectId: 'default', ...filter }, signal)
    expect(await some({ references: ['*/old'] })).toEqual([[old.id, 'team/old:1']])
    expect(await some({ references: ['other:[2-3]', 'team/*:1'] })).toEqual([[old.id, 'other:2', 'team/old:1']])
    expect(await some({ dangling: true })).toEqual([[nameless.id]])
    expect(await some({ dangling: false, labels: ['keep=yes'] })).toEqual([[old.id, 'other:2', 'team/old:1']])
    expect((await some({ since: 'other:2' })).map(([id]) => id)).not.toContain(old.id)
    expect((await some({ before: 'busybox' })).map(([id]) => id)).toContain(old.id)
    const pruned = (more: object) => host.images.handlers['image.prune']({ projectId: 'default', all: true, ...more }, signal)
    expect((await pruned({ until: '2026-01-01T00:00:00Z' })).deleted).toEqual([])
    expect((await pruned({ labels: ['none'] })).deleted).toEqual([])
    expect((await pruned({ notLabels: ['keep'] })).deleted).toEqual([nameless.id])
    expect((await pruned({ until: '2026-02-01T00:00:00+01:00' })).deleted).toEqual([old.id])
  })

  test('another project’s copy stays', async () => {
    const archive = await ociArchive(imageOf([await layerWith('a')]), 'both:1')
    await load(host, archive, 'alpha')
    await load(host, archive, 'beta')
    const before = content()
    expect((await prune(true, 'alpha')).reclaimedBytes).toBe(0)
    expect(content()).toEqual(before)
    expect((await host.images.resolve('beta', 'both:1')).layers).toHaveLength(1)
    await host.images.removeProject('beta')
    expect(content().layers).toHaveLength(1)
  })

  test('a new image under an old name leaves the old one without a name, for prune', async () => {
    const first = imageOf([await layerWith('a')])
    await load(host, await ociArchive(first, 'app:1'))
    await load(host, await ociArchive(imageOf([await layerWith('b')]), 'app:1'))
    expect((await list('default')).find((image) => image.id === first.id)?.tags).toEqual([])
    const pruned = await prune(false)
    expect(pruned.deleted).toEqual([first.id])
    expect(pruned.reclaimedBytes).toBeGreaterThan(1000)
  })
})

describe('after a crash', () => {
  test('nothing unfinished is left or seen', async () => {
    const { dataDir } = host.config
    const before = content()
    mkdirSync(join(dataDir, 'images/tmp/half'))
    writeFileSync(join(dataDir, 'images/tmp/half/0'), 'half a blob')
    mkdirSync(join(dataDir, 'overlay2/tmp/half/diff/etc'), { recursive: true })
    mkdirSync(join(dataDir, 'overlay2/layers', 'e'.repeat(64), 'diff'), { recursive: true })
    writeFileSync(join(dataDir, 'images/blobs/sha256', 'f'.repeat(64)), 'nobody’s')
    expect(content(await host.reopen())).toEqual(before)
  })

  test('a layer whose record is damaged is fetched again instead of being trusted', async () => {
    const archive = await ociArchive(imageOf([await layerWith('a')]), 'app:1')
    await load(host, archive)
    const [layer] = (await host.images.resolve('default', 'app:1')).layers
    writeFileSync(join(host.layers.path(layer as string), '../layer.json'), 'damaged')
    const next = await host.reopen()
    await expect(next.images.resolve('default', 'app:1')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/incomplete/),
    })
    await load(next, archive)
    expect((await next.images.resolve('default', 'app:1')).layers).toEqual([layer])
  })

  test('of the whole machine, what was not on the disk yet is not trusted, and everything else is', async () => {
    // A container waits until what it stands on is on the disk: here so that busybox is of an earlier session than the image.
    await host.images.addUser((await host.images.resolve('default', 'busybox')).id, 'b'.repeat(64), 'default')
    const image = imageOf([await layerWith('a')])
    const archive = await ociArchive(image, 'app:1')
    await load(host, archive)
    const [layer] = (await host.images.resolve('default', 'app:1')).layers as [string]
    await host.images.addUser(image.id, 'c'.repeat(64), 'default')
    const marker = join(host.config.dataDir, 'overlay2/unsynced.json')
    expect(existsSync(marker)).toBe(false)
    const session = host.layers.get(layer)?.session
    await replaceFile(marker, { boot: 'an earlier one', session, since: Date.now() })
    const damaged = image.id.slice(7)
    writeFileSync(join(host.config.dataDir, 'images/blobs/sha256', damaged), Buffer.alloc(100))
    const next = await host.reopen()
    expect(existsSync(next.layers.path(layer))).toBe(false)
    expect(content(next).blobs).not.toContain(damaged)
    expect((await next.images.resolve('default', 'busybox')).layers).toHaveLength(1)
    expect(existsSync(marker)).toBe(false)
    await load(next, archive)
    expect((await next.images.resolve('default', 'app:1')).layers).toEqual([layer])
  })

  test('a damaged list of images is set aside and said', async () => {
    const file = join(host.config.dataDir, 'images/images.json')
    writeFileSync(file, `${readFileSync(file, 'utf8')}x`)
    const next = await host.reopen()
    expect(next.warnings.join()).toMatch(/list of images checksum is wrong; kept as .*images.json.bad-/)
    expect((await next.images.resolve('p', 'busybox')).layers).toHaveLength(1)
  })
})

/** Loads as the agent's socket does it: the archive through a raw connection, the answer to `admit` beside it. */
async function withBulk(target: TestHost, archive: Uint8Array, admit: (ids: string[]) => Promise<boolean>) {
  const path = join(target.config.dataDir, 'bulk.sock')
  const server = createServer({ pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const bulk = new Promise<Socket>((resolve) => server.once('connection', resolve))
  connect(path).end(archive)
  let tell: (ids: string[]) => void = () => undefined
  const asked = new Promise<string[]>((resolve) => {
    tell = resolve
  })
  async function* leave() {
    if (await admit(await asked)) yield Buffer.from('.')
  }
  const write = async (bytes: Uint8Array) => {
    const line = JSON.parse(Buffer.from(bytes).toString()) as { admit?: string[] }
    if (line.admit) tell(line.admit)
  }
  try {
    const channel = { incoming: leave(), write, end: () => undefined, bulk }
    return await target.images.handlers['image.load']({ projectId: 'default', admission: true }, channel, signal)
  } finally {
    server.close()
  }
}
