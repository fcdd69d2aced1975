import { mkdirSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { ByteChannel, EngineEvent } from '@gantry/contracts'
import { createUnpacker, type Unpacker } from '../kernel/unpack.ts'
import type { EngineConfig } from '../ports.ts'
import { createLayerStore, type LayerStore } from '../snapshot/layers.ts'
import { tarOf } from '../testing/tar.ts'
import { createImages, type Images, type ImagesOptions } from './images.ts'
import { digestOf, hostPlatform, mediaTypes } from './manifest.ts'

/** For tests: a data folder of one's own with the real parts on it. Disposing removes it. */
export interface TestHost extends AsyncDisposable {
  readonly config: EngineConfig
  readonly unpacker: Unpacker
  readonly layers: LayerStore
  readonly images: Images
  readonly events: string[]
  readonly warnings: string[]
  /** Opens the same data folder again, as the next life of the agent would. */
  reopen(): Promise<TestHost>
}

export const nativeDir = fileURLToPath(new URL('../../../../native/build', import.meta.url))

export async function testHost(options: { dataDir?: string } & Partial<ImagesOptions> = {}): Promise<TestHost> {
  if (process.getuid?.() !== 0) throw new Error('this test needs root')
  const dataDir = options.dataDir ?? mkdtempSync('/var/tmp/gantry-test-')
  const warnings: string[] = []
  const events: string[] = []
  const config: EngineConfig = {
    dataDir,
    runDir: join(dataDir, 'run'),
    instanceId: 'abcd',
    nativeDir,
    version: '0',
    log: (_level, message) => warnings.push(message),
  }
  mkdirSync(config.runDir, { recursive: true })
  const unpacker = createUnpacker(config)
  const layers = await createLayerStore({ config, unpacker })
  const emit = (event: Omit<EngineEvent, 'seq' | 'boot' | 'timeNano'>) => events.push(`${event.type} ${event.action}`)
  const images = await createImages({ config, unpacker, layers, events: { emit }, ...options })
  return {
    config,
    unpacker,
    layers,
    images,
    events,
    warnings,
    reopen: () => testHost({ ...options, dataDir }),
    [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true, force: true }),
  }
}

export interface TestImage {
  readonly config: Buffer
  readonly manifest: Buffer
  readonly layers: readonly Buffer[]
  readonly id: string
}

/** An image of these layer tars, compressed with gzip unless they are to stay plain. */
export function imageOf(
  tars: readonly Buffer[],
  options: { plain?: boolean; config?: object; diffIds?: readonly string[] } = {},
): TestImage {
  const layers = tars.map((tar) => (options.plain ? tar : gzipSync(tar)))
  const config = Buffer.from(
    JSON.stringify({
      architecture: hostPlatform.architecture,
      os: 'linux',
      created: '2026-01-02T03:04:05Z',
      config: options.config ?? { Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: options.diffIds ?? tars.map(digestOf) },
    }),
  )
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
      layers: layers.map((layer) => ({
        mediaType: `${mediaTypes.ociLayer}${options.plain ? '' : '+gzip'}`,
        digest: digestOf(layer),
        size: layer.length,
      })),
    }),
  )
  return { config, manifest, layers, id: digestOf(config) }
}

const blobName = (bytes: Buffer) => `blobs/sha256/${digestOf(bytes).slice(7)}`

/** The image as an OCI layout in a tar. */
export function ociArchive(image: TestImage, name?: string): Promise<Buffer> {
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: mediaTypes.ociManifest,
        digest: digestOf(image.manifest),
        size: image.manifest.length,
        ...(name ? { annotations: { 'io.containerd.image.name': name } } : {}),
      },
    ],
  }
  const blobs = [image.config, image.manifest, ...image.layers].map((bytes) => ({ name: blobName(bytes), content: bytes }))
  return tarOf([
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    ...blobs,
    { name: 'index.json', content: JSON.stringify(index) },
  ])
}

/** The image as `docker save` wrote it before 25.0: layers in folders, the table last. */
export function dockerArchive(image: TestImage, tags: readonly string[]): Promise<Buffer> {
  const names = image.layers.map((_, i) => `${String(i).repeat(8)}/layer.tar`)
  const table = [{ Config: `${image.id.slice(7)}.json`, RepoTags: tags, Layers: names }]
  return tarOf([
    ...image.layers.map((content, i) => ({ name: names[i] as string, content })),
    { name: `${image.id.slice(7)}.json`, content: image.config },
    { name: 'manifest.json', content: JSON.stringify(table) },
  ])
}

/** A channel that gives `input` in pieces and keeps what comes back. */
export function testChannel(input: Uint8Array | AsyncIterable<Uint8Array>): ByteChannel & { readonly received: Buffer[] } {
  const received: Buffer[] = []
  return {
    received,
    incoming: input instanceof Uint8Array ? pieces(input) : input,
    write: async (bytes) => void received.push(Buffer.from(bytes)),
    end: () => undefined,
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}

/** Loads an archive into a project. */
export function load(host: TestHost, archive: Uint8Array, projectId = 'default', limits?: { maxBytes: number }) {
  return host.images.handlers['image.load']({ projectId, limits, admission: false }, testChannel(archive), new AbortController().signal)
}
