import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultLimits } from '../image/context.ts'
import { testHost } from '../image/fixture.ts'
import { tarOf } from '../testing/tar.ts'
import { digestOf } from '../image/manifest.ts'

test('several commits of one layer at the same time unpack it once', async () => {
  await using host = await testHost()
  const tar = await tarOf([{ name: 'f', content: 'x' }])
  const blobPath = join(host.config.dataDir, 'blob')
  writeFileSync(blobPath, tar)
  const chainId = digestOf(tar)
  const commits = [1, 2, 3].map(() => host.layers.commit({ chainId, diffId: chainId, blobPath, parent: undefined, limits: defaultLimits }))
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
  const request = { chainId, diffId: chainId, blobPath, parent: undefined, limits: defaultLimits }
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
