import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes what `docker save` writes for an image with one layer of so many random bytes; returns the file's path. */
export function imageArchive(folder: string, tag: string, bytes: number): string {
  const root = join(folder, 'root')
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'data'), randomBytes(bytes))
  return packArchive(folder, root, tag, { Cmd: ['/data'] })
}

/** Writes what `docker save` writes for an image whose one layer is the content of `root`; returns the file's path. */
export function packArchive(folder: string, root: string, tag: string, settings: Record<string, unknown>): string {
  const tar = (from: string, file: string, ...names: string[]) =>
    execFileSync('tar', ['-C', from, '--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-cf', join(folder, file), ...names])
  tar(root, 'layer.tar', '.')
  const digest = createHash('sha256')
    .update(readFileSync(join(folder, 'layer.tar')))
    .digest('hex')
  const config = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config: settings,
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'test' }],
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: [tag], Layers: ['layer.tar'] }]))
  tar(folder, 'image.tar', 'manifest.json', 'config.json', 'layer.tar')
  return join(folder, 'image.tar')
}
