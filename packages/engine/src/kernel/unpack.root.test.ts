import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nativeDir } from '../image/fixture.ts'
import { type Entry, tarOf } from '../testing/tar.ts'
import { digestOf } from '../image/manifest.ts'
import { createUnpacker, type UnpackLimits } from './unpack.ts'
import { extendedAttribute } from './xattr.ts'

const unpacker = createUnpacker({ nativeDir })
const limits: UnpackLimits = { maxBytes: 512 * 1024 ** 2, maxRatio: 200, maxEntries: 1000, reserveBytes: 0 }
let folder: string
let target: string

beforeEach(() => {
  if (process.getuid?.() !== 0) throw new Error('this test needs root')
  folder = mkdtempSync('/var/tmp/gantry-test-')
  target = join(folder, 'target')
  mkdirSync(target)
  writeFileSync(join(folder, 'canary'), 'untouched')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function unpack(bytes: Uint8Array, changed: Partial<UnpackLimits> = {}) {
  writeFileSync(join(folder, 'blob'), bytes)
  return unpacker.layer(join(folder, 'blob'), target, { limits: { ...limits, ...changed } })
}
const unpackEntries = async (entries: readonly Entry[], changed: Partial<UnpackLimits> = {}) => unpack(await tarOf(entries), changed)

describe('a layer', () => {
  test('keeps names, owners, modes, times, links and content', async () => {
    const tar = await tarOf([
      { name: './', type: 'directory', mode: 0o751 },
      { name: 'etc/', type: 'directory', mode: 0o750, uid: 5, gid: 6, mtime: new Date(5e11) },
      { name: 'etc/file', content: 'hello', mode: 0o4755, uid: 1000, gid: 1001 },
      { name: 'etc/hard', type: 'link', linkname: 'etc/file' },
      { name: 'etc/soft', type: 'symlink', linkname: '../../outside', uid: 7, gid: 8 },
      { name: 'implied/deep/file', content: 'x' },
      { name: 'pipe', type: 'fifo', mode: 0o600 },
      { name: 'ünï-✓', content: 'utf8' },
    ])
    const result = await unpack(tar)
    expect(result).toMatchObject({
      diffId: digestOf(tar),
      digest: digestOf(tar),
      tarBytes: tar.length,
      fileBytes: 10,
      entries: 8,
      skipped: 0,
    })
    const file = statSync(join(target, 'etc/file'))
    expect([file.mode & 0o7777, file.uid, file.gid, file.nlink, file.mtimeMs]).toEqual([0o4755, 1000, 1001, 2, 1e12])
    expect(statSync(join(target, 'etc/hard')).ino).toBe(file.ino)
    const etc = statSync(join(target, 'etc'))
    expect([etc.mode & 0o7777, etc.uid, etc.gid, etc.mtimeMs]).toEqual([0o750, 5, 6, 5e11])
    expect(readlinkSync(join(target, 'etc/soft'))).toBe('../../outside')
    expect(lstatSync(join(target, 'etc/soft')).uid).toBe(7)
    expect(lstatSync(join(target, 'pipe')).isFIFO()).toBe(true)
    expect(statSync(target).mode & 0o7777).toBe(0o751)
    expect(readFileSync(join(target, 'ünï-✓'), 'utf8')).toBe('utf8')
    expect(readFileSync(join(target, 'implied/deep/file'), 'utf8')).toBe('x')
  })

  test('turns whiteouts into overlay devices and opaque folders', async () => {
    await unpackEntries([
      { name: 'a/.wh.gone', content: '' },
      { name: 'b/', type: 'directory' },
      { name: 'b/.wh..wh..opq', content: '' },
      { name: 'b/new', content: '' },
      { name: '.wh..wh.plnk/1.2', content: '' },
      { name: '.wh..wh.aufs', content: '' },
      { name: '.wh.replaced', content: '' },
      { name: 'replaced/', type: 'directory' },
      { name: 'kept/', type: 'directory' },
      { name: '.wh.kept', content: '' },
    ])
    const gone = lstatSync(join(target, 'a/gone'))
    expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0])
    for (const opaque of ['b', 'replaced', 'kept']) expect(extendedAttribute(join(target, opaque), 'trusted.overlay.opaque')).toBe('y')
    expect(extendedAttribute(join(target, 'a'), 'trusted.overlay.opaque')).toBeUndefined()
    expect(readdirSync(target).filter((name) => name.startsWith('.wh'))).toEqual(['.wh..wh.plnk'])
  })

  test('keeps user attributes and file capabilities, drops those that steer overlayfs', async () => {
    await unpackEntries([
      {
        name: 'f',
        content: 'x',
        pax: {
          'SCHILY.xattr.user.note': 'kept',
          'SCHILY.xattr.trusted.overlay.redirect': '/etc',
          'SCHILY.xattr.trusted.overlay.metacopy': '',
          'SCHILY.xattr.security.selinux': 'label',
        },
      },
      { name: 'd/', type: 'directory', pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y' } },
    ])
    expect(extendedAttribute(join(target, 'f'), 'user.note')).toBe('kept')
    for (const dropped of ['trusted.overlay.redirect', 'trusted.overlay.metacopy', 'security.selinux']) {
      expect(extendedAttribute(join(target, 'f'), dropped)).toBeUndefined()
    }
    expect(extendedAttribute(join(target, 'd'), 'trusted.overlay.opaque')).toBeUndefined()
  })

  test('leaves devices out and says how many', async () => {
    const result = await unpackEntries([
      { name: 'dev/sda', type: 'block-device', devmajor: 8, devminor: 0 },
      { name: 'dev/null', type: 'character-device', devmajor: 1, devminor: 3 },
      { name: 'dev/fake-whiteout', type: 'character-device', devmajor: 0, devminor: 0 },
    ])
    expect(result.skipped).toBe(3)
    expect(readdirSync(target)).toEqual([])
  })

  test.each(['gzip', 'zstd', 'xz', 'bzip2'])('may be compressed with %s', async (program) => {
    const tar = await tarOf([{ name: 'file', content: 'hello'.repeat(10_000) }])
    const compressed = execFileSync(program, ['-c'], { input: tar })
    expect(await unpack(compressed)).toMatchObject({ diffId: digestOf(tar), digest: digestOf(compressed) })
    expect(statSync(join(target, 'file')).size).toBe(50_000)
  })

  test('may go through a link that stays inside the layer', async () => {
    await unpackEntries([
      { name: 'usr/bin/', type: 'directory' },
      { name: 'bin', type: 'symlink', linkname: 'usr/bin' },
      { name: 'bin/tool', content: 'x' },
    ])
    expect(existsSync(join(target, 'usr/bin/tool'))).toBe(true)
  })

  test('may name a file twice: the later one counts', async () => {
    await unpackEntries([
      { name: 'f', content: 'first' },
      { name: 'link', type: 'symlink', linkname: 'f' },
      { name: 'f', content: 'second' },
      { name: 'link', content: 'no link any more' },
    ])
    expect(readFileSync(join(target, 'f'), 'utf8')).toBe('second')
    expect(lstatSync(join(target, 'link')).isFile()).toBe(true)
  })

  test('is not hashed again when its digest is known and it is plain, and is when it is compressed', async () => {
    const tar = await tarOf([{ name: 'f', content: 'x' }])
    const known = digestOf(Buffer.from('taken at its word'))
    const unpackKnown = async (bytes: Uint8Array) => {
      writeFileSync(join(folder, 'blob'), bytes)
      return unpacker.layer(join(folder, 'blob'), target, { limits, trustedDigest: known })
    }
    expect(await unpackKnown(tar)).toMatchObject({ diffId: known })
    expect(await unpackKnown(gzipSync(tar))).toMatchObject({ diffId: digestOf(tar) })
  })

  test('may be empty', async () => {
    expect(await unpack(Buffer.alloc(0))).toMatchObject({ entries: 0, diffId: digestOf(Buffer.alloc(0)) })
    expect(await unpack(Buffer.alloc(1024))).toMatchObject({ entries: 0 })
  })
})

const long = (length: number) => Array.from({ length }, () => 'd'.repeat(99)).join('/')
const attacks: [name: string, entries: Entry[], message: RegExp][] = [
  ['parent folder', [{ name: '../canary', content: 'x' }], /"\.\.\/canary" leaves the layer with "\.\."/],
  ['parent folder further down', [{ name: 'a/../../canary', content: 'x' }], /leaves the layer/],
  ['absolute path', [{ name: '/etc/gantry-test', content: 'x' }], /"\/etc\/gantry-test" has an absolute path/],
  ['PAX path that leaves', [{ name: 'x', content: 'x', pax: { path: '../canary' } }], /leaves the layer/],
  ['PAX path that is absolute', [{ name: 'x', content: 'x', pax: { path: '/canary' } }], /absolute path/],
  [
    'write through an absolute link',
    [
      { name: 'out', type: 'symlink', linkname: '/' },
      { name: 'out/canary', content: 'x' },
    ],
    /symbolic link "out"/,
  ],
  [
    'write through a relative link',
    [
      { name: 'out', type: 'symlink', linkname: '..' },
      { name: 'out/canary', content: 'x' },
    ],
    /symbolic link "out"/,
  ],
  [
    'write through a chain of links',
    [
      { name: 'a', type: 'symlink', linkname: 'b' },
      { name: 'b', type: 'symlink', linkname: '..' },
      { name: 'a/canary', content: 'x' },
    ],
    /symbolic link "a"/,
  ],
  [
    'folder through a link',
    [
      { name: 'out', type: 'symlink', linkname: '../..' },
      { name: 'out/dir/', type: 'directory' },
    ],
    /symbolic link "out"/,
  ],
  [
    'link loop',
    [
      { name: 'a', type: 'symlink', linkname: 'a' },
      { name: 'a/x', content: 'x' },
    ],
    /symbolic link "a"/,
  ],
  ['hard link out with ..', [{ name: 'h', type: 'link', linkname: '../canary' }], /leaves the layer/],
  ['hard link to an absolute path', [{ name: 'h', type: 'link', linkname: '/etc/passwd' }], /absolute path/],
  ['PAX linkpath that leaves', [{ name: 'h', type: 'link', linkname: 'x', pax: { linkpath: '../canary' } }], /leaves the layer/],
  [
    'hard link through a symbolic link',
    [
      { name: 'd/f', content: 'x' },
      { name: 'out', type: 'symlink', linkname: 'd' },
      { name: 'h', type: 'link', linkname: 'out/f' },
    ],
    /passes through the symbolic link "out"/,
  ],
  [
    'hard link through a symbolic link that an earlier entry went through',
    [
      { name: 'd/f', content: 'x' },
      { name: 'out', type: 'symlink', linkname: 'd' },
      { name: 'out/g', content: 'x' },
      { name: 'h', type: 'link', linkname: 'out/f' },
    ],
    /passes through the symbolic link "out"/,
  ],
  ['hard link to nothing', [{ name: 'h', type: 'link', linkname: 'absent' }], /"h" is a hard link to "absent", which is not in the layer/],
  [
    'hard link to a folder',
    [
      { name: 'd/', type: 'directory' },
      { name: 'h', type: 'link', linkname: 'd' },
    ],
    /which is not a file/,
  ],
  [
    'hard link to a whiteout',
    [
      { name: '.wh.w', content: '' },
      { name: 'h', type: 'link', linkname: 'w' },
    ],
    /which is not a file/,
  ],
  ['whiteout of .', [{ name: 'a/.wh..', content: '' }], /is a whiteout of "\."/],
  ['whiteout of ..', [{ name: 'a/.wh...', content: '' }], /is a whiteout of "\.\."/],
  ['whiteout of nothing', [{ name: 'a/.wh.', content: '' }], /is a whiteout of ""/],
  [
    'whiteout through a link',
    [
      { name: 'out', type: 'symlink', linkname: '..' },
      { name: 'out/.wh.canary', content: '' },
    ],
    /symbolic link "out"/,
  ],
  [
    'opaque mark through a link',
    [
      { name: 'out', type: 'symlink', linkname: '..' },
      { name: 'out/.wh..wh..opq', content: '' },
    ],
    /symbolic link "out"/,
  ],
  [
    'file below a file',
    [
      { name: 'f', content: 'x' },
      { name: 'f/g', content: 'x' },
    ],
    /lies below "f", which is no folder/,
  ],
  [
    'file in place of a full folder',
    [
      { name: 'd/f', content: 'x' },
      { name: 'd', content: 'x' },
    ],
    /"d" appears twice/,
  ],
  ['root that is a link', [{ name: './', type: 'symlink', linkname: '/etc' }], /the root of the layer is not a folder/],
  ['path too long', [{ name: `${long(50)}/f`, content: 'x' }], /longer than 4095 bytes/],
  ['name too long', [{ name: 'n'.repeat(300), content: 'x' }], /longer than 255 bytes/],
  ['too deep', [{ name: `${'d/'.repeat(300)}f`, content: 'x' }], /more than 256 folders deep/],
  [
    'extended attributes too large',
    [{ name: 'f', content: 'x', pax: { 'SCHILY.xattr.user.a': 'a'.repeat(40_000), 'SCHILY.xattr.user.b': 'b'.repeat(40_000) } }],
    /more than 65536 bytes of extended attributes/,
  ],
]

describe('a malicious layer is refused and nothing outside is touched', () => {
  test.each(attacks)('%s', async (_name, entries, message) => {
    await expect(unpackEntries([{ name: 'first', content: 'x' }, ...entries])).rejects.toMatchObject({
      message: expect.stringMatching(message),
    })
    expect(readFileSync(join(folder, 'canary'), 'utf8')).toBe('untouched')
    expect(readdirSync(folder).sort()).toEqual(['blob', 'canary', 'target'])
    expect(existsSync('/etc/gantry-test')).toBe(false)
  })

  test('more entries than allowed', async () => {
    const entries = Array.from({ length: 11 }, (_, i) => ({ name: `f${i}`, content: '' }))
    await expect(unpackEntries(entries, { maxEntries: 10 })).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'more than 10 entries',
    })
  })

  test('more bytes than allowed', async () => {
    await expect(unpackEntries([{ name: 'f', content: Buffer.alloc(3_000_000) }], { maxBytes: 1_000_000 })).rejects.toMatchObject({
      code: 'quota_exceeded',
      message: expect.stringMatching(/limit of 1000000 bytes/),
    })
  })

  test('a sparse file that claims more than allowed', async () => {
    const tar = await tarOf([
      { name: 'f', content: 'x', pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '99999999999' } },
    ])
    await expect(unpack(tar)).rejects.toMatchObject({ code: expect.stringMatching(/quota_exceeded|invalid_input/) })
  })

  test('a decompression bomb', async () => {
    const bomb = gzipSync(await tarOf([{ name: 'f', content: Buffer.alloc(100 * 1024 ** 2) }]), { level: 9 })
    await expect(unpack(bomb)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/expands more than 200 times/),
    })
  })

  test('more than the disk has left above the reserve', async () => {
    await expect(unpackEntries([{ name: 'f', content: 'x' }], { reserveBytes: Number.MAX_SAFE_INTEGER })).rejects.toMatchObject({
      code: 'no_space',
      detail: { errno: 'ENOSPC' },
    })
  })
})

describe('a damaged layer is refused', () => {
  test('cut off inside a file', async () => {
    const tar = await tarOf([{ name: 'f', content: Buffer.alloc(100_000, 'x') }])
    await expect(unpack(tar.subarray(0, 50_000))).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/[Tt]runcated/),
    })
  })

  test('cut off inside the compressed data', async () => {
    const compressed = execFileSync('gzip', ['-c'], {
      input: await tarOf([{ name: 'f', content: Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 251)) }]),
    })
    await expect(unpack(compressed.subarray(0, compressed.length - 300))).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/damaged|truncated/),
    })
  })

  test('no tar at all', async () => {
    await expect(unpack(Buffer.from('this is text, and quite enough of it '.repeat(100)))).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/not a tar archive/),
    })
  })

  test('a header whose checksum is wrong', async () => {
    const tar = await tarOf([
      { name: 'a', content: 'x' },
      { name: 'b', content: 'x' },
    ])
    tar[1024 + 5] = 0x41
    await expect(unpack(tar)).rejects.toMatchObject({ code: 'invalid_input' })
  })
})

test('unpacking can be cancelled', async () => {
  const controller = new AbortController()
  writeFileSync(join(folder, 'blob'), await tarOf([{ name: 'f', content: 'x' }]))
  controller.abort()
  await expect(unpacker.layer(join(folder, 'blob'), target, { limits, signal: controller.signal })).rejects.toMatchObject({
    code: 'cancelled',
  })
})
