import { GantryError, type ParsedInputOf, SYSTEM_PROJECT } from '@gantry/contracts'
import { tellPruned } from '../event/tell-pruned.ts'
import { matchesLabels } from '../lib/labels.ts'
import type { ImageContext } from './context.ts'
import { configFile, findImage, type FoundImage } from './find-image.ts'
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
 * By docker's rules: a name takes itself away, with the last tag of a repository its digests, and the image goes with the last name. An id
 * takes all names away, which needs `force` when there are several. What a container of the project stands on stays; `force` then
 * only takes the names.
 */
export async function removeImage(context: ImageContext, request: { projectId: string; image: string; force: boolean }): Promise<Removed> {
  const found = findImage(context, request.projectId, request.image)
  if (found.owner !== request.projectId) {
    throw new GantryError('forbidden', `image ${request.image} belongs to the ${SYSTEM_PROJECT} project and is shared by all`)
  }
  const names = namesOf(context.records.project(request.projectId), found.image.id)
  const users = containersOf(context, found.image.id, request.projectId === SYSTEM_PROJECT ? undefined : request.projectId)
  const doomed = doomedNames(found, names, { ...request, users })
  const left = names.tags.length + names.digests.length - doomed.length
  const keep = left > 0 || users.length > 0
  await context.records.change(request.projectId, (changed) => {
    for (const name of doomed) {
      delete changed.tags[name]
      delete changed.digests[name]
    }
    if (!keep) changed.images = changed.images.filter((id) => id !== found.image.id)
  })
  const untagged = doomed.map(familiarName)
  for (const name of untagged) emit(context, { action: 'untag', projectId: request.projectId, image: found.image, name })
  if (keep) return { untagged, deleted: [] }
  emit(context, { action: 'delete', projectId: request.projectId, image: found.image, name: found.image.id })
  const swept = await sweep(context)
  return { untagged, deleted: [found.image.id, ...swept.layers] }
}

type PruneRequest = ParsedInputOf<'image.prune'>

/**
 * Removes images without a tag, or with `all` every image, that no container of the project stands on. What other projects have too
 * stays on the disk and does not count as reclaimed.
 */
export async function pruneImages(context: ImageContext, request: PruneRequest): Promise<Removed & { reclaimedBytes: number }> {
  const project = context.records.project(request.projectId)
  const fits = await pruneFilter(context, project.images, request)
  const untagged: string[] = []
  const deleted: string[] = []
  const gone: { image: ImageRecord; names: string[] }[] = []
  await context.records.change(request.projectId, (changed) => {
    for (const id of project.images) {
      const names = namesOf(project, id)
      const viewer = request.projectId === SYSTEM_PROJECT ? undefined : request.projectId
      if (!fits.has(id) || (names.tags.length > 0 && !request.all) || containersOf(context, id, viewer).length > 0) continue
      for (const name of names.tags) delete changed.tags[name]
      for (const name of names.digests) delete changed.digests[name]
      changed.images = changed.images.filter((other) => other !== id)
      const familiar = [...names.tags, ...names.digests].map(familiarName)
      const image = context.records.image(id)
      if (image) gone.push({ image, names: familiar })
      untagged.push(...familiar)
      deleted.push(id)
    }
  })
  for (const { image, names } of gone) {
    for (const name of [...names, image.id])
      emit(context, { action: name === image.id ? 'delete' : 'untag', projectId: request.projectId, image, name })
  }
  const swept = await sweep(context)
  tellPruned(context.events, 'image', request.projectId, swept.bytes)
  return { untagged, deleted, reclaimedBytes: swept.bytes }
}

/** Which of these images the filters mean. Asked for beforehand, as the change itself must not wait for the disk. */
async function pruneFilter(context: ImageContext, ids: readonly string[], request: PruneRequest): Promise<Set<string>> {
  const fits = new Set<string>()
  const until = request.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(request.until)
  for (const id of ids) {
    const image = context.records.image(id)
    const file = image && (await configFile(context, image))
    const labels = file?.config?.Labels ?? {}
    const excluded = request.notLabels?.some((label) => matchesLabels(labels, [label])) ?? false
    if (!excluded && matchesLabels(labels, request.labels) && Date.parse(file?.created ?? '1970-01-01') < until) fits.add(id)
  }
  return fits
}

interface Names {
  readonly tags: string[]
  readonly digests: string[]
}

function namesOf(project: ProjectRecord, id: string): Names {
  const of = (names: Record<string, string>) => Object.keys(names).filter((name) => names[name] === id)
  return { tags: of(project.tags), digests: of(project.digests) }
}

const repositoryOf = (name: string) => name.replace(/(@.*|:[^:/]*)$/, '')

/** Throws when the names may not go; which is for force to decide where a container would be left with a nameless image. */
function doomedNames(found: FoundImage, names: Names, request: { image: string; force: boolean; users: readonly string[] }): string[] {
  const all = [...names.tags, ...names.digests]
  const single = names.tags.length <= 1 && new Set(all.map(repositoryOf)).size <= 1
  const { reference } = found
  const short = found.image.id.slice(7, 19)
  if (!reference) {
    if (!single && !request.force) {
      const shown = all.map(familiarName).join(', ')
      throw conflict(`unable to delete ${short} (must be forced) - image is referenced in multiple repositories`, `its names are ${shown}`)
    }
    // Docker would delete the image under a container that has stopped; here it stays until the container is gone.
    if (request.users.length > 0 && (!request.force || all.length === 0)) {
      const way = all.length === 0 ? 'cannot be forced' : 'must be forced'
      throw inUse(`unable to delete ${short} (${way})`, request.users, short)
    }
    return all
  }
  const repository = repositoryName(reference)
  const name = reference.digest ? `${repository}@${reference.digest}` : `${repository}:${reference.tag}`
  if (single && request.users.length > 0 && !request.force) {
    throw inUse(`unable to remove repository reference "${request.image}" (must force)`, request.users, short)
  }
  const otherTags = names.tags.some((tag) => tag !== name && repositoryOf(tag) === repository)
  const orphans = reference.digest || otherTags ? [] : names.digests.filter((digest) => repositoryOf(digest) === repository)
  return [...new Set([name, ...orphans])]
}

const conflict = (message: string, remedy: string) => new GantryError('wrong_state', `conflict: ${message}`, { remedy })

function inUse(what: string, users: readonly string[], image: string): GantryError {
  const shown = users.slice(0, 3).map((id) => id.slice(0, 12))
  const more = users.length > 3 ? ` and ${users.length - 3} more` : ''
  const verb = users.length === 1 ? 'is' : 'are'
  const message = `${what} - container ${shown.join(', ')}${more} ${verb} using its referenced image ${image}`
  return conflict(message, 'remove the containers first')
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
