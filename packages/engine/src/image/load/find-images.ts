import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { z } from 'zod'
import {
  type Descriptor,
  digestOf,
  forPlatform,
  hostPlatform,
  isIndex,
  maxDocumentBytes,
  type Manifest,
  mediaTypes,
  parseConfig,
  parseDocument,
  parseIndex,
  parseManifest,
} from '../manifest.ts'
import { parseReference, type Reference } from '../reference.ts'
import type { ArchiveFile, ArchiveFiles } from './archive-files.ts'

export interface ArchivedImage {
  readonly manifest: Buffer
  readonly config: Buffer
  /** The layers that the archive has content for. */
  readonly layers: readonly { readonly digest: string; readonly file: ArchiveFile }[]
  readonly references: readonly Reference[]
  /** Everything above, for a lease. */
  readonly digests: readonly string[]
}

const dockerSchema = z
  .array(z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }))
  .max(64, 'must have at most 64 images')
type DockerEntry = z.infer<typeof dockerSchema>[number]

/** Finds the images of an archive: an OCI layout (`index.json`) or docker's own table (`manifest.json`); `docker save` writes both. */
export async function findImages(files: ArchiveFiles): Promise<ArchivedImage[]> {
  const index = await files.read('index.json')
  const table = await files.read('manifest.json')
  const docker = table ? parseDocument(dockerSchema, table, 'manifest.json of the archive') : []
  const images = index && (await files.read('oci-layout')) ? await ociImages(files, index, docker) : await dockerImages(files, docker)
  if (images.length > 0) return images
  throw new GantryError(
    'invalid_input',
    index || table
      ? 'the archive holds no image for this machine'
      : 'this is not an image archive: it has neither index.json nor manifest.json',
    {
      remedy: 'make one with docker save, podman save, skopeo copy or gantry save',
    },
  )
}

async function ociImages(files: ArchiveFiles, indexBytes: Buffer, docker: readonly DockerEntry[]): Promise<ArchivedImage[]> {
  const images = new Map<string, ArchivedImage>()
  for (const descriptor of parseIndex(indexBytes).manifests) {
    const manifest = await chooseManifest(files, descriptor, 0)
    if (!manifest) continue
    const image = await ociImage(files, manifest)
    const key = digestOf(image.manifest)
    const tags = docker
      .filter((entry) => files.find(entry.Config)?.digest === digestOf(image.config))
      .flatMap((entry) => entry.RepoTags ?? [])
    const references = [...(images.get(key)?.references ?? []), ...annotatedNames(descriptor), ...tags.map(parseReference)]
    images.set(key, { ...image, references: unique(references) })
  }
  return [...images.values()]
}

/** The manifest that a descriptor leads to, through an index of platforms where there is one; undefined when none is for this machine. */
async function chooseManifest(files: ArchiveFiles, descriptor: Descriptor, depth: number): Promise<Buffer | undefined> {
  if (!files.blob(descriptor.digest)) return undefined
  const bytes = await files.read(`blobs/sha256/${descriptor.digest.slice(7)}`)
  if (!bytes || depth > 4) return undefined
  if (!isIndex(bytes, descriptor.mediaType)) return bytes
  for (const candidate of forPlatform(parseIndex(bytes), hostPlatform)) {
    const manifest = await chooseManifest(files, candidate, depth + 1)
    if (manifest) return manifest
  }
  return undefined
}

async function ociImage(files: ArchiveFiles, bytes: Buffer): Promise<Omit<ArchivedImage, 'references'>> {
  const manifest = parseManifest(bytes)
  const config = files.blob(manifest.config.digest) && (await files.read(`blobs/sha256/${manifest.config.digest.slice(7)}`))
  if (!config) throw new GantryError('invalid_input', `the archive has no config ${manifest.config.digest}`)
  const layers = manifest.layers.flatMap(({ digest, size }) => {
    const file = files.blob(digest)
    if (file && file.size !== size)
      throw new GantryError('invalid_input', `layer ${digest} has ${file.size} bytes, its manifest says ${size}`)
    return file ? [{ digest, file }] : []
  })
  return { manifest: bytes, config, layers, digests: [digestOf(bytes), digestOf(config), ...manifest.layers.map((layer) => layer.digest)] }
}

function annotatedNames(descriptor: Descriptor): Reference[] {
  const full = descriptor.annotations?.['io.containerd.image.name']
  if (full) return [parseReference(full)]
  // Only a tag, such as skopeo writes, is not a name.
  const name = descriptor.annotations?.['org.opencontainers.image.ref.name']
  return name && /[/:]/.test(name) ? [parseReference(name)] : []
}

async function dockerImages(files: ArchiveFiles, table: readonly DockerEntry[]): Promise<ArchivedImage[]> {
  const images: ArchivedImage[] = []
  for (const entry of table) images.push(await dockerImage(files, entry))
  return images
}

/** Docker's older archives have no manifest of the registry's kind; one is made, as a push would. */
async function dockerImage(files: ArchiveFiles, entry: DockerEntry): Promise<ArchivedImage> {
  const config = await files.read(entry.Config)
  if (!config) throw new GantryError('invalid_input', `the archive has no config "${entry.Config}"`)
  parseConfig(config)
  const layers: { digest: string; file: ArchiveFile; descriptor: Descriptor }[] = []
  for (const name of entry.Layers) {
    const file = files.find(name)
    if (!file) throw new GantryError('invalid_input', `the archive has no layer "${name}"`)
    const mediaType = mediaTypes.ociLayer + (await compression(join(files.folder, file.stored)))
    layers.push({ digest: file.digest, file, descriptor: { mediaType, digest: file.digest, size: file.size } })
  }
  const document: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
    layers: layers.map((layer) => layer.descriptor),
  }
  const manifest = Buffer.from(JSON.stringify(document))
  if (manifest.length > maxDocumentBytes) throw new GantryError('invalid_input', 'the archive names too many layers')
  const references = unique((entry.RepoTags ?? []).map(parseReference))
  return { manifest, config, layers, references, digests: [digestOf(manifest), digestOf(config), ...layers.map((layer) => layer.digest)] }
}

/** Suffix of the media type, from the first bytes. */
async function compression(path: string): Promise<'' | '+gzip' | '+zstd'> {
  const file = await open(path, 'r')
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer[0] === 0x1f && buffer[1] === 0x8b) return '+gzip'
    return buffer.readUInt32LE(0) === 0xfd2fb528 ? '+zstd' : ''
  } finally {
    await file.close()
  }
}

function unique(references: readonly Reference[]): Reference[] {
  return [...new Map(references.map((reference) => [JSON.stringify(reference), reference])).values()]
}
