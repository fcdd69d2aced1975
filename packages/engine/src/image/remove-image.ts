import { GantryError, SYSTEM_PROJECT } from '@gantry/contracts'
import type { ImageContext } from './context.ts'
import { findImage, type FoundImage } from './find-image.ts'
import { containersOf } from './list-images.ts'
import type { ImageRecord, ProjectRecord } from './records.ts'
import { familiarName, parseReference, repositoryName } from './reference.ts'
import { sweep } from './sweep.ts'

export interface Removed {
  readonly untagged: string[]
  readonly deleted: string[]
}

/** Gives an image one more name in the project. An image of the system project becomes the project's own as well. */
export async function tagImage(
  context: ImageContext,
  request: { projectId: string; image: string; reference: string },
): Promise<Record<string, never>> {
  const { image } = findImage(context, request.projectId, request.image)
  const reference = parseReference(request.reference)
  if (!reference.tag || reference.digest) {
    throw new GantryError('invalid_input', `cannot name an image "${request.reference}": a digest cannot be given`, { field: 'reference' })
  }
  await context.records.change(
    request.projectId,
    (project) => {
      if (!project.images.includes(image.id)) project.images.push(image.id)
      project.tags[`${repositoryName(reference)}:${reference.tag}`] = image.id
    },
    { image },
  )
  emit(context, { action: 'tag', projectId: request.projectId, image, name: request.reference })
  return {}
}

/**
 * Takes away a name; with the last name goes the image. By id all names go, which needs `force` when there are several. Never removes an
 * image that a container of the project stands on; `force` then only takes the name.
 */
export async function removeImage(context: ImageContext, request: { projectId: string; image: string; force: boolean }): Promise<Removed> {
  const found = findImage(context, request.projectId, request.image)
  if (found.owner !== request.projectId) {
    throw new GantryError('forbidden', `image ${request.image} belongs to the ${SYSTEM_PROJECT} project and is shared by all`)
  }
  const project = context.records.project(request.projectId)
  const names = namesOf(project, found.image.id)
  const doomed = doomedNames(found, names, request)
  const last = names.tags.every((name) => doomed.includes(name))
  const users = containersOf(context, found.image.id, request.projectId === SYSTEM_PROJECT ? undefined : request.projectId)
  const keep = !last || (users.length > 0 && request.force && doomed.length > 0)
  if (last && users.length > 0 && !keep) throw inUse(request.image, users)
  await context.records.change(request.projectId, (changed) => {
    for (const name of doomed) delete changed.tags[name]
    if (keep) return
    for (const name of names.digests) delete changed.digests[name]
    changed.images = changed.images.filter((id) => id !== found.image.id)
  })
  for (const name of doomed) emit(context, { action: 'untag', projectId: request.projectId, image: found.image, name: familiarName(name) })
  const untagged = [...doomed, ...(keep ? [] : names.digests)].map(familiarName)
  if (keep) return { untagged, deleted: [] }
  emit(context, { action: 'delete', projectId: request.projectId, image: found.image, name: found.image.id })
  const swept = await sweep(context)
  return { untagged, deleted: [found.image.id, ...swept.layers] }
}

/**
 * Removes images without a name, or with `all` every image, that no container of the project stands on. What other projects have too
 * stays on the disk and does not count as reclaimed.
 */
export async function pruneImages(
  context: ImageContext,
  request: { projectId: string; all: boolean },
): Promise<Removed & { reclaimedBytes: number }> {
  const project = context.records.project(request.projectId)
  const untagged: string[] = []
  const deleted: string[] = []
  await context.records.change(request.projectId, (changed) => {
    for (const id of project.images) {
      const names = namesOf(project, id)
      const viewer = request.projectId === SYSTEM_PROJECT ? undefined : request.projectId
      if ((names.tags.length > 0 && !request.all) || containersOf(context, id, viewer).length > 0) continue
      for (const name of names.tags) delete changed.tags[name]
      for (const name of names.digests) delete changed.digests[name]
      changed.images = changed.images.filter((other) => other !== id)
      untagged.push(...[...names.tags, ...names.digests].map(familiarName))
      deleted.push(id)
    }
  })
  const swept = await sweep(context)
  return { untagged, deleted, reclaimedBytes: swept.bytes }
}

interface Names {
  readonly tags: string[]
  readonly digests: string[]
}

function namesOf(project: ProjectRecord, id: string): Names {
  const of = (names: Record<string, string>) => Object.keys(names).filter((name) => names[name] === id)
  return { tags: of(project.tags), digests: of(project.digests) }
}

function doomedNames(found: FoundImage, names: Names, request: { image: string; force: boolean }): string[] {
  if (found.reference?.tag && !found.reference.digest) return [`${repositoryName(found.reference)}:${found.reference.tag}`]
  if (names.tags.length > 1 && !request.force) {
    throw new GantryError(
      'wrong_state',
      `image ${request.image} has ${names.tags.length} names: ${names.tags.map(familiarName).join(', ')}`,
      {
        remedy: 'remove it by one of its names, or use force to remove them all',
      },
    )
  }
  return names.tags
}

function inUse(image: string, users: readonly string[]): GantryError {
  const shown = users.slice(0, 3).map((id) => id.slice(0, 12))
  const more = users.length > 3 ? ` and ${users.length - 3} more` : ''
  return new GantryError(
    'wrong_state',
    `image ${image} is in use by ${users.length === 1 ? 'container' : 'containers'} ${shown.join(', ')}${more}`,
    {
      remedy: 'remove the containers first',
    },
  )
}

function emit(context: ImageContext, event: { action: string; projectId: string; image: ImageRecord; name: string }): void {
  context.events.emit({
    type: 'image',
    action: event.action,
    id: event.image.id,
    projectId: event.projectId,
    attributes: { name: event.name },
  })
}
