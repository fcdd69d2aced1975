import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { imageOf, load, ociArchive, type TestHost, testHost } from './fixture.ts'
import { tarOf } from '../testing/tar.ts'

const signal = new AbortController().signal
const content = ({ config: { dataDir } }: TestHost) => ({
  blobs: readdirSync(join(dataDir, 'images/blobs/sha256')).sort(),
  layers: readdirSync(join(dataDir, 'overlay2/layers')).sort(),
  unfinished: [...readdirSync(join(dataDir, 'images/tmp')), ...readdirSync(join(dataDir, 'overlay2/tmp'))],
})

/** Loads an archive in a process of its own, which dies by SIGKILL when it reaches the point. */
async function loadAndDie(dataDir: string, archive: string, point: string): Promise<string | null> {
  const fixture = fileURLToPath(new URL('./fixture.ts', import.meta.url))
  const script = `
    import { readFileSync } from 'node:fs'
    import { load, testHost } from ${JSON.stringify(fixture)}
    await load(await testHost({ dataDir: ${JSON.stringify(dataDir)} }), readFileSync(${JSON.stringify(archive)}))
  `
  const env = { ...process.env, GANTRY_TEST: '1', GANTRY_FAULT: `${point}:kill` }
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { env, stdio: 'inherit' })
  const [, died] = (await once(child, 'close')) as [number | null, string | null]
  return died
}

describe('killed while an image is loaded', () => {
  test.each(['blob.adopted', 'layer.unpacked', 'layer.committed', 'image.unpacked', 'image.recorded'])('after %s', async (point) => {
    await using host = await testHost()
    const before = content(host)
    const image = imageOf([await tarOf([{ name: 'a', content: 'a' }]), await tarOf([{ name: 'b', content: 'b' }])])
    const archive = join(host.config.dataDir, 'archive.tar')
    writeFileSync(archive, await ociArchive(image, 'app:1'))
    expect(await loadAndDie(host.config.dataDir, archive, point)).toBe('SIGKILL')
    const next = await host.reopen()
    const images = await next.images.handlers['image.list']({ projectId: 'default' }, signal)
    if (point === 'image.recorded') {
      expect(images.map((each) => each.tags)).toContainEqual(['app:1'])
      expect((await next.images.resolve('default', 'app:1')).layers).toHaveLength(2)
    } else {
      expect(images.map((each) => each.tags)).toEqual([['busybox:latest']])
      expect(content(next)).toEqual(before)
    }
    await load(next, await ociArchive(image, 'app:1'))
    const { layers } = await next.images.resolve('default', 'app:1')
    expect(layers.map((layer) => readdirSync(next.layers.path(layer)))).toEqual([['a'], ['b']])
  })
})

describe('a full disk', () => {
  /** A file system of so many MiB, for this test alone. */
  function smallDisk(mebibytes: number): AsyncDisposable & { readonly folder: string } {
    const folder = mkdtempSync('/var/tmp/gantry-test-disk-')
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder])
    return {
      folder,
      [Symbol.asyncDispose]: async () => {
        execFileSync('umount', [folder])
        rmdirSync(folder)
      },
    }
  }

  test('while an image is loaded: no_space, no trace, and the next small one fits', async () => {
    await using disk = smallDisk(170)
    const host = await testHost({ dataDir: disk.folder })
    const before = content(host)
    const archive = await ociArchive(
      imageOf([await tarOf([{ name: 'big', content: randomBytes(100 * 1024 ** 2) }])], { plain: true }),
      'big:1',
    )
    await expect(load(host, archive)).rejects.toMatchObject({
      code: 'no_space',
      detail: { errno: 'ENOSPC', remedy: expect.stringMatching(/image prune/) },
    })
    expect(content(host)).toEqual(before)
    await load(host, await ociArchive(imageOf([await tarOf([{ name: 'small', content: 'x' }])]), 'small:1'))
    expect((await host.images.resolve('default', 'small:1')).layers).toHaveLength(1)
  })

  test('met by a write itself, below the reserve', async () => {
    await using disk = smallDisk(4)
    await using host = await testHost()
    const blob = join(host.config.dataDir, 'blob')
    writeFileSync(blob, await tarOf([{ name: 'big', content: randomBytes(8 * 1024 ** 2) }]))
    const target = join(disk.folder, 'target')
    mkdirSync(target)
    const limits = { maxBytes: 1e9, maxRatio: 100, maxEntries: 100, reserveBytes: 0 }
    await expect(host.unpacker.layer(blob, target, { limits })).rejects.toMatchObject({
      code: 'no_space',
      message: expect.stringMatching(/^cannot write big/),
    })
  })
})
