import { GantryError, type ImageConfig, SYSTEM_PROJECT } from '@gantry/contracts'
import type { ResolvedImage } from '../ports.ts'
import type { ImageContext } from './context.ts'
import { type ConfigFile, parseConfig, toImageConfig } from './manifest.ts'
import type { ImageRecord, ProjectRecord } from './records.ts'
import { familiar, parseReference, type Reference, repositoryName } from './reference.ts'

export interface FoundImage {
  readonly image: ImageRecord
  /** Whose name it was found under: the asking project or the system project. */
  readonly owner: string
  /** Absent when it was found by its id. */
  readonly reference?: Reference
}

/** Looks among the project's own names and ids, then among the system project's. Throws `not_found`. */
export function findImage(context: ImageContext, projectId: string, text: string): FoundImage {
  const byId = /^(?:sha256:)?[0-9a-f]{4,64}$/.test(text) ? text.replace('sha256:', '') : undefined
  const reference = byId !== undefined && text.startsWith('sha256:') ? undefined : parseReference(text)
  for (const owner of new Set([projectId, SYSTEM_PROJECT])) {
    const project = context.records.project(owner)
    const named = reference && idByName(project, reference)
    const image = named ? context.records.image(named) : undefined
    if (image && reference) return { image, owner, reference }
    const prefixed = byId === undefined ? undefined : idByPrefix(project, byId)
    const other = prefixed ? context.records.image(prefixed) : undefined
    if (other) return { image: other, owner }
  }
  const shown = reference ? familiar(reference) : text
  throw new GantryError('not_found', `no such image: ${shown}`, {
    field: 'image',
    value: text,
    remedy: `pull it first (gantry pull ${shown}) or load it from an archive`,
  })
}

function idByName(project: ProjectRecord, reference: Reference): string | undefined {
  const name = repositoryName(reference)
  if (reference.digest) return project.digests[`${name}@${reference.digest}`]
  return project.tags[`${name}:${reference.tag}`]
}

function idByPrefix(project: ProjectRecord, prefix: string): string | undefined {
  const ids = project.images.filter((id) => id.startsWith(`sha256:${prefix}`))
  if (ids.length > 1) {
    throw new GantryError('invalid_input', `image id ${prefix} is ambiguous: ${ids.length} images begin with it`, {
      field: 'image',
      value: prefix,
      remedy: 'give more digits',
    })
  }
  return ids[0]
}

const parsed = new WeakMap<ImageRecord, Promise<ConfigFile>>()

/** The image's config file; read once per record. */
export function configFile(context: ImageContext, image: ImageRecord): Promise<ConfigFile> {
  const known = parsed.get(image)
  if (known) return known
  const reading = context.content.read(image.id).then(parseConfig)
  parsed.set(image, reading)
  reading.catch(() => parsed.delete(image))
  return reading
}

export async function resolveImage(context: ImageContext, projectId: string, text: string): Promise<ResolvedImage> {
  const { image, reference } = findImage(context, projectId, text)
  const config: ImageConfig = toImageConfig(await configFile(context, image))
  const missing = image.layers.find((layer) => !context.layers.get(layer.chainId))
  if (missing) {
    throw new GantryError('not_found', `image ${text} is incomplete: layer ${missing.diffId} is missing`, {
      remedy: 'pull or load the image again',
    })
  }
  return { id: image.id, reference: reference ? familiar(reference) : image.id, config, layers: image.layers.map((layer) => layer.chainId) }
}
