import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { MountSpec } from '@gantry/contracts'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { imageOf, load, nativeDir, ociArchive, type TestHost, testHost } from '../image/fixture.ts'
import { tarOf } from '../testing/tar.ts'
import { createArchiver } from '../kernel/archiver.ts'
import { createLauncher } from '../kernel/launcher.ts'
import { extendedAttribute } from '../kernel/xattr.ts'
import { createOverlaySnapshotter } from '../snapshot/overlay.ts'
import { createVolumes, type Volumes } from './volumes.ts'

const signal = new AbortController().signal
const containerId = 'a'.repeat(64)
let host: TestHost
let volumes: Volumes
let outside: string
const kernel = createLauncher({ nativeDir })
afterAll(() => kernel.close())

beforeEach(async () => {
  host = await testHost()
  volumes = await open()
  outside = mkdtempSync('/var/tmp/gantry-test-bind-')
})
afterEach(async () => {
  rmSync(outside, { recursive: true, force: true })
  await host[Symbol.asyncDispose]()
})

const open = () =>
  createVolumes({
    config: host.config,
    events: { emit: (event) => host.events.push(`${event.type} ${event.action}`) },
    unpacker: host.unpacker,
    archiver: createArchiver({ nativeDir, scratchDir: mkdtempSync(join(host.config.dataDir, 'scratch-')) }),
    kernel,
    pluginFolders: { sockets: join(host.config.runDir, 'plugins'), specs: [join(host.config.runDir, 'specs')] },
    containerName: (id) => (id === containerId ? 'web' : undefined),
  })
const resolveImage = async (reference: string) => ({ id: `id of ${reference}`, layers: ['low', 'top'] })
const resolve = (mounts: MountSpec[], options: { imageVolumes?: string[]; containerId?: string; projectId?: string } = {}) =>
  volumes.resolve({ projectId: 'default', containerId, mounts, imageVolumes: [], idBase: 100_000, resolveImage, ...options })
const volume = (source: string | undefined, target: string, noCopy = false): MountSpec => ({
  type: 'volume',
  ...(source ? { source } : {}),
  target,
  readOnly: false,
  noCopy,
})
const bind = (source: string, createSource = false): MountSpec => ({
  type: 'bind',
  source,
  target: '/mnt',
  readOnly: false,
  propagation: 'rprivate',
  recursive: true,
  createSource,
})
const list = (projectId = 'default') => volumes.handlers['volume.list']({ projectId, size: false }, signal)
const remove = (name: string, force = false, projectId = 'default') =>
  volumes.handlers['volume.remove']({ projectId, volume: name, force }, signal)

describe('named and anonymous volumes', () => {
  test('are made when missing, kept, and told apart by project', async () => {
    const [mount] = await resolve([volume('data', '/data')])
    expect(mount).toMatchObject({ type: 'volume', name: 'data', target: '/data', copyUp: true, idmapped: true })
    expect(mount?.source).toBe(join(host.config.dataDir, 'volumes/default/data/_data'))
    writeFileSync(join(mount?.source as string, 'file'), 'content')
    const [other] = await resolve([volume('data', '/data')], { projectId: 'second', containerId: 'b'.repeat(64) })
    expect(readdirSync(other?.source as string)).toEqual([])
    await volumes.release(containerId, true)
    const [again] = await resolve([volume('data', '/data')])
    expect(readFileSync(join(again?.source as string, 'file'), 'utf8')).toBe('content')
    expect(host.events.filter((event) => event === 'volume create')).toHaveLength(2)
  })

  test('an image’s VOLUME becomes an anonymous volume where nothing else is mounted', async () => {
    const mounts = await resolve([volume('data', '/data/')], { imageVolumes: ['/data', '/cache'] })
    expect(mounts.map((mount) => mount.target)).toEqual(['/data/', '/cache'])
    expect(mounts[1]?.name).toMatch(/^[0-9a-f]{64}$/)
    expect((await resolve([], { imageVolumes: ['/cache'] }))[0]?.name).toBe(mounts[1]?.name)
    expect((await list()).filter((each) => each.anonymous)).toHaveLength(1)
    await volumes.release(containerId, true)
    expect((await list()).map((each) => each.name)).toEqual(['data'])
  })

  test('release without removal keeps anonymous ones for prune', async () => {
    await resolve([volume(undefined, '/x'), volume('named', '/y')])
    await volumes.release(containerId, false)
    const pruned = await volumes.handlers['volume.prune']({ projectId: 'default', all: false }, signal)
    expect(pruned.removed).toEqual([createHash('sha256').update(`${containerId}\0/x`).digest('hex')])
    expect((await volumes.handlers['volume.prune']({ projectId: 'default', all: true }, signal)).removed).toEqual(['named'])
    expect(readdirSync(join(host.config.dataDir, 'volumes/default'))).toEqual([])
  })

  test('in use: named in the refusal, before and after a restart', async () => {
    await resolve([volume('data', '/data')])
    const refusal = { code: 'wrong_state', message: 'volume data is in use by web' }
    await expect(remove('data')).rejects.toMatchObject(refusal)
    volumes = await open()
    await expect(remove('data', true)).rejects.toMatchObject(refusal)
    expect((await list())[0]?.usedBy).toEqual(['web'])
    expect((await volumes.handlers['volume.prune']({ projectId: 'default', all: true }, signal)).removed).toEqual([])
    await volumes.release(containerId, true)
    await remove('data')
    expect(await list()).toEqual([])
  })

  test('of another project do not exist', async () => {
    await resolve([volume('data', '/data')])
    await expect(volumes.handlers['volume.inspect']({ projectId: 'other', volume: 'data' }, signal)).rejects.toMatchObject({
      code: 'not_found',
      message: 'no such volume: data',
    })
    await expect(remove('data', false, 'other')).rejects.toMatchObject({ code: 'not_found' })
    await remove('data', true, 'other')
    expect(await list('other')).toEqual([])
  })

  test('create is idempotent and keeps labels; list filters by them and counts sizes', async () => {
    const create = (name: string | undefined, labels: Record<string, string>) =>
      volumes.handlers['volume.create']({ projectId: 'default', spec: { name, driver: 'local', options: {}, labels } }, signal)
    await create('one', { tier: 'gold' })
    expect((await create('one', { tier: 'other' })).labels).toEqual({ tier: 'gold' })
    expect((await create(undefined, {})).name).toMatch(/^[0-9a-f]{64}$/)
    writeFileSync(join(host.config.dataDir, 'volumes/default/one/_data/f'), Buffer.alloc(100_000, 1))
    const found = await volumes.handlers['volume.list']({ projectId: 'default', size: true, labels: ['tier=gold'] }, signal)
    expect(found).toHaveLength(1)
    expect(found[0]?.sizeBytes).toBeGreaterThanOrEqual(100_000)
    expect((await volumes.usage('default')).volumes).toBe(2)
    await volumes.removeProject('default')
    expect(await list()).toEqual([])
  })

  test('two mounts at one place are refused, and nothing is made', async () => {
    await expect(resolve([volume('a', '/x'), volume('b', '/x/')])).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'two mounts at /x/',
    })
    expect(await list()).toEqual([])
  })
})

describe('bind mounts', () => {
  test('have their links resolved once', async () => {
    mkdirSync(join(outside, 'real'))
    symlinkSync('real', join(outside, 'link'))
    expect((await resolve([bind(join(outside, 'link'))]))[0]?.source).toBe(join(realpathSync(outside), 'real'))
  })

  test('of a missing source are refused, or make it', async () => {
    const missing = join(outside, 'new/deep')
    await expect(resolve([bind(missing)])).rejects.toMatchObject({
      code: 'invalid_input',
      message: `invalid mount config for type "bind": bind source path does not exist: ${missing}`,
    })
    expect(existsSync(missing)).toBe(false)
    await resolve([bind(missing, true)])
    expect(statSync(missing).isDirectory()).toBe(true)
  })

  test('of the engine’s own folders are refused, also by a link and when they do not exist yet', async () => {
    symlinkSync(host.config.dataDir, join(outside, 'link'))
    for (const source of [
      host.config.dataDir,
      join(host.config.dataDir, 'images'),
      join(outside, 'link/volumes'),
      join(outside, 'link/new'),
      host.config.runDir,
    ]) {
      await expect(resolve([bind(source, true)])).rejects.toMatchObject({
        code: 'forbidden',
        message: expect.stringMatching(/engine's own folder/),
      })
    }
    expect(existsSync(join(host.config.dataDir, 'new'))).toBe(false)
  })

  test('below a file, or of links in a circle, are refused', async () => {
    writeFileSync(join(outside, 'file'), '')
    symlinkSync('circle', join(outside, 'circle'))
    await expect(resolve([bind(join(outside, 'file/below'), true)])).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/no folder/),
    })
    await expect(resolve([bind(join(outside, 'circle'))])).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/circle/),
    })
    expect((await resolve([bind(join(outside, 'file'))]))[0]?.source).toBe(join(realpathSync(outside), 'file'))
  })

  test('that fail take the volumes of the same request with them', async () => {
    await expect(resolve([volume(undefined, '/v'), bind('/nonexistent-gantry')])).rejects.toMatchObject({ code: 'invalid_input' })
    expect(await list()).toEqual([])
  })
})

test('tmpfs has no source', async () => {
  const [mount] = await resolve([{ type: 'tmpfs', target: '/t', readOnly: false, sizeBytes: 4096, mode: 0o700 }])
  expect(mount).toMatchObject({ type: 'tmpfs', source: '', tmpfs: { sizeBytes: 4096, mode: 0o700 } })
})

describe('filling from the image', () => {
  /** Layers with everything that can go wrong in a merge: whiteouts, opaque folders, replaced files, links. */
  async function lowerDirs(): Promise<readonly string[]> {
    const image = imageOf([
      await tarOf([
        { name: 'data/', type: 'directory', mode: 0o2775, uid: 7, gid: 8 },
        { name: 'data/kept', content: 'bottom', mode: 0o4750, uid: 1000, gid: 1001, pax: { 'SCHILY.xattr.user.note': 'yes' } },
        { name: 'data/gone', content: 'x' },
        { name: 'data/changed', content: 'old' },
        { name: 'data/opaque/old', content: 'x' },
        { name: 'data/hard1', content: 'linked' },
        { name: 'data/hard2', type: 'link', linkname: 'data/hard1' },
        { name: 'data/out', type: 'symlink', linkname: '/etc/passwd' },
        { name: 'data/pipe', type: 'fifo', mode: 0o600 },
        { name: 'alias', type: 'symlink', linkname: '/data' },
        { name: 'escape', type: 'symlink', linkname: '../../../../../../etc' },
      ]),
      await tarOf([
        { name: 'data/', type: 'directory', mode: 0o2775, uid: 7, gid: 8 },
        { name: 'data/.wh.gone', content: '' },
        { name: 'data/changed', content: 'new' },
        { name: 'data/opaque/.wh..wh..opq', content: '' },
        { name: 'data/opaque/new', content: 'x' },
      ]),
    ])
    await load(host, await ociArchive(image, 'filler:1'))
    const { layers } = await host.images.resolve('default', 'filler:1')
    const snapshotter = createOverlaySnapshotter({ config: host.config, layers: host.layers })
    return snapshotter.withLowerView(layers, async (dirs) => dirs)
  }
  const fill = async (target: string, name = 'data') => volumes.fill({ projectId: 'default', name, target, lowerDirs: await lowerDirs() })
  const data = (name = 'data') => join(host.config.dataDir, 'volumes/default', name, '_data')

  test('merges the layers and keeps owners, modes, attributes and links', async () => {
    await resolve([volume('data', '/data')])
    const folder = statSync(data()).ino
    await fill('/data')
    expect(statSync(data()).ino).toBe(folder)
    expect(readdirSync(data()).sort()).toEqual(['changed', 'hard1', 'hard2', 'kept', 'opaque', 'out', 'pipe'])
    expect(readdirSync(join(data(), 'opaque'))).toEqual(['new'])
    expect(readFileSync(join(data(), 'changed'), 'utf8')).toBe('new')
    const kept = statSync(join(data(), 'kept'))
    expect([kept.mode & 0o7777, kept.uid, kept.gid, kept.mtimeMs]).toEqual([0o4750, 1000, 1001, 1e12])
    expect(extendedAttribute(join(data(), 'kept'), 'user.note')).toBe('yes')
    expect(statSync(join(data(), 'hard1')).ino).toBe(statSync(join(data(), 'hard2')).ino)
    expect(readlinkSync(join(data(), 'out'))).toBe('/etc/passwd')
    expect(lstatSync(join(data(), 'pipe')).isFIFO()).toBe(true)
    const root = statSync(data())
    expect([root.mode & 0o7777, root.uid, root.gid]).toEqual([0o2775, 7, 8])
    expect(readdirSync(join(data(), '..')).sort()).toEqual(['_data', 'volume.json'])
  })

  test('follows links as the container would, never out of the image', async () => {
    await resolve([volume('data', '/data'), volume('other', '/other')])
    await fill('/alias')
    expect(existsSync(join(data(), 'kept'))).toBe(true)
    await fill('/escape', 'other')
    expect(readdirSync(data('other'))).toEqual([])
  })

  test('happens once, and never over content', async () => {
    await resolve([volume('data', '/data'), volume('full', '/full')])
    await fill('/data')
    rmSync(join(data(), 'kept'))
    await fill('/data')
    expect(existsSync(join(data(), 'kept'))).toBe(false)
    writeFileSync(join(data('full'), 'mine'), '')
    await fill('/data', 'full')
    expect(readdirSync(data('full'))).toEqual(['mine'])
  })

  test('a target that the image does not have leaves the volume empty and open for the next', async () => {
    await resolve([volume('data', '/data')])
    await fill('/absent')
    expect(readdirSync(data())).toEqual([])
    await fill('/data')
    expect(readdirSync(data())).toContain('kept')
  })

  test('a crash before the copy was whole leaves an empty volume, one after it is completed', async () => {
    await resolve([volume('data', '/data'), volume('moving', '/data2')])
    for (const name of ['data', 'moving']) {
      mkdirSync(join(data(name), '../_fill'))
      writeFileSync(join(data(name), '../_fill/copied'), 'x')
    }
    chownSync(join(data('moving'), '../_fill'), 12, 13)
    chmodSync(join(data('moving'), '../_fill'), 0o711)
    writeFileSync(join(data('moving'), '../moving.json'), '')
    volumes = await open()
    expect(readdirSync(data())).toEqual([])
    expect(readdirSync(data('moving'))).toEqual(['copied'])
    expect(statSync(data('moving'))).toMatchObject({ uid: 12, gid: 13 })
    for (const name of ['data', 'moving']) expect(readdirSync(join(data(name), '..')).sort()).toEqual(['_data', 'volume.json'])
  })
})

describe('at start', () => {
  test('a folder without a record goes when it is empty and stays when it is not', async () => {
    mkdirSync(join(host.config.dataDir, 'volumes/default/half/_data'), { recursive: true })
    mkdirSync(join(host.config.dataDir, 'volumes/default/precious/_data'), { recursive: true })
    writeFileSync(join(host.config.dataDir, 'volumes/default/precious/_data/file'), 'x')
    volumes = await open()
    expect((await list()).map((each) => each.name)).toEqual(['precious'])
    expect(readdirSync(join(host.config.dataDir, 'volumes/default'))).toEqual(['precious'])
  })

  test('a damaged record is set aside and the content kept', async () => {
    const [mount] = await resolve([volume('data', '/data')])
    writeFileSync(join(mount?.source as string, 'precious'), '')
    writeFileSync(join(mount?.source as string, '../volume.json'), 'damaged')
    volumes = await open()
    expect((await list())[0]).toMatchObject({ name: 'data', labels: {} })
    expect(host.warnings.join()).toMatch(/record of volume default\/data is damaged/)
  })
})
