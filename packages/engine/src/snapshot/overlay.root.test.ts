import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Entry, tarOf, testHost } from '../image/fixture.ts'
import { defaultLimits } from '../image/context.ts'
import { chainIds, digestOf } from '../image/manifest.ts'
import type { RootfsSource } from '../ports.ts'
import { snapshotterConformance, type SnapshotterUnderTest } from './conformance.ts'
import { createOverlaySnapshotter } from './overlay.ts'

async function overlay(): Promise<
  SnapshotterUnderTest & { readonly dataDir: string; readonly layers: Awaited<ReturnType<typeof testHost>>['layers'] }
> {
  const host = await testHost()
  const mountPoint = join(host.config.dataDir, 'mnt')
  mkdirSync(mountPoint)
  return {
    dataDir: host.config.dataDir,
    layers: host.layers,
    snapshotter: createOverlaySnapshotter({ config: host.config, layers: host.layers }),
    async commit(layers) {
      const tars = await Promise.all(layers.map(tarOf))
      const chain = chainIds(tars.map(digestOf))
      for (const [i, tar] of tars.entries()) {
        const blobPath = join(host.config.dataDir, 'blob')
        writeFileSync(blobPath, tar)
        await host.layers.commit({ chainId: chain[i] as string, diffId: digestOf(tar), blobPath, limits: defaultLimits })
      }
      return chain
    },
    /** In a mount namespace that ends with the script, as a container's does. */
    run(source, script) {
      const mount = 'mount -t overlay overlay -o "lowerdir=$0,upperdir=$1,workdir=$2" "$3" && cd "$3" && eval "$4"'
      const { lowerDirs, upperDir, workDir } = source
      return execFileSync('unshare', ['-m', 'sh', '-ec', mount, lowerDirs.join(':'), upperDir, workDir, mountPoint, script], {
        encoding: 'utf8',
      })
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}

snapshotterConformance('overlay2', overlay)

const manyLayers = (count: number): Entry[][] => Array.from({ length: count }, (_, i) => [{ name: `f${i}`, content: String(i) }])

test('128 layers stand on each other', async () => {
  await using under = await overlay()
  const layers = await under.commit(manyLayers(128))
  const source: RootfsSource = await under.snapshotter.prepare('many', layers)
  // Short names: this mount(2) has one page for its options, the native side's fsconfig(2) has no such limit.
  const short = source.lowerDirs.map((dir, i) => ['ln', '-s', dir, join(under.dataDir, 'mnt', String(i))])
  for (const [program, ...args] of short) execFileSync(program as string, args)
  const script = 'cd "$0" && mkdir ../m && mount -t overlay overlay -o "lowerdir=$1" ../m && ls ../m | wc -l'
  const names = source.lowerDirs.map((_, i) => i).join(':')
  expect(execFileSync('unshare', ['-m', 'sh', '-ec', script, join(under.dataDir, 'mnt'), names], { encoding: 'utf8' }).trim()).toBe('128')
})

test('several commits of one layer at the same time unpack it once', async () => {
  await using host = await testHost()
  const tar = await tarOf([{ name: 'f', content: 'x' }])
  const blobPath = join(host.config.dataDir, 'blob')
  writeFileSync(blobPath, tar)
  const chainId = digestOf(tar)
  const commits = [1, 2, 3].map(() => host.layers.commit({ chainId, diffId: chainId, blobPath, limits: defaultLimits }))
  const [first, ...others] = await Promise.all(commits)
  for (const other of others) expect(other).toBe(first)
})

test('one who leaves does not take the layer from those who wait, the last one does', async () => {
  await using host = await testHost()
  const tar = await tarOf([{ name: 'f', content: Buffer.alloc(50_000_000, 'x') }])
  const blobPath = join(host.config.dataDir, 'blob')
  writeFileSync(blobPath, tar)
  const chainId = digestOf(tar)
  const leaving = new AbortController()
  const request = { chainId, diffId: chainId, blobPath, limits: defaultLimits }
  const left = host.layers.commit({ ...request, signal: leaving.signal, onProgress: () => leaving.abort() })
  const staying = host.layers.commit(request)
  await expect(left).rejects.toMatchObject({ code: 'cancelled' })
  expect((await staying).fileBytes).toBe(50_000_000)
  await host.layers.remove(chainId)
  const alone = new AbortController()
  await expect(host.layers.commit({ ...request, signal: alone.signal, onProgress: () => alone.abort() })).rejects.toMatchObject({
    code: 'cancelled',
  })
  // The next attempt is a new one.
  expect((await host.layers.commit(request)).chainId).toBe(chainId)
  expect(readdirSync(join(host.config.dataDir, 'overlay2/layers'))).toContain(chainId.slice(7))
})
