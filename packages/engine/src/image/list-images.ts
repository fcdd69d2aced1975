import { type ImageInspect, type ImageSummary, type ParsedInputOf, SYSTEM_PROJECT } from '@gantry/contracts'
import { globPattern } from '../lib/glob.ts'
import { matchesLabels } from '../lib/labels.ts'
import type { ImageContext } from './context.ts'
import { configFile, findImage } from './find-image.ts'
import { type ConfigFile, toImageConfig } from './manifest.ts'
import type { ImageRecord } from './records.ts'
import { familiarName } from './reference.ts'

type ListRequest = ParsedInputOf<'image.list'>

/** A project's images and the system project's, or everybody's; newest first. */
export async function listImages(context: ImageContext, request: ListRequest): Promise<ImageSummary[]> {
  const owners = request.projectId ? [...new Set([request.projectId, SYSTEM_PROJECT])] : context.records.projects()
  const users = layerUsers(context, owners)
  const fits = await listFilter(context, request)
  const summaries: ImageSummary[] = []
  for (const owner of owners) {
    for (const id of context.records.project(owner).images) {
      const image = context.records.image(id)
      const summary = image && fits(await summarise(context, { image, owner, viewer: request.projectId, users }))
      if (summary) summaries.push(summary)
    }
  }
  return summaries.sort((a, b) => b.createdAt.localeCompare(a.createdAt))
}

/** As `listImages`; a layer counts once, however many of the images stand on it. */
export async function imageUsage(context: ImageContext, projectId: string): Promise<{ images: ImageSummary[]; layerBytes: number }> {
  const images = await listImages(context, { projectId })
  const chain = new Set(images.flatMap(({ id }) => context.records.image(id)?.layers.map((layer) => layer.chainId) ?? []))
  return { images, layerBytes: sum([...chain].map((chainId) => context.layers.get(chainId)?.fileBytes ?? 0)) }
}

type Filter = (summary: ImageSummary) => ImageSummary | undefined

async function listFilter(context: ImageContext, request: ListRequest): Promise<Filter> {
  const created = async (reference: string) => {
    const { image } = findImage(context, request.projectId ?? SYSTEM_PROJECT, reference)
    return (await configFile(context, image)).created ?? ''
  }
  const before = request.before === undefined ? undefined : await created(request.before)
  const since = request.since === undefined ? undefined : await created(request.since)
  const patterns = request.references?.map(globPattern)
  return (summary) => {
    if (!matchesLabels(summary.labels, request.labels)) return undefined
    if (request.dangling !== undefined && request.dangling !== (summary.tags.length === 0)) return undefined
    if (before !== undefined && summary.createdAt >= before) return undefined
    if (since !== undefined && summary.createdAt <= since) return undefined
    return patterns ? withMatchingNames(summary, patterns) : summary
  }
}

/** Docker matches the whole of what people write, or the name without its tag. */
function withMatchingNames(summary: ImageSummary, patterns: readonly RegExp[]): ImageSummary | undefined {
  const fits = (name: string) => patterns.some((pattern) => pattern.test(name) || pattern.test(name.replace(/(:[^:/]+|@.*)$/, '')))
  const tags = summary.tags.filter(fits)
  const repoDigests = summary.repoDigests.filter(fits)
  return tags.length + repoDigests.length > 0 ? { ...summary, tags, repoDigests } : undefined
}

export async function inspectImage(context: ImageContext, projectId: string, text: string): Promise<ImageInspect> {
  const { image, owner } = findImage(context, projectId, text)
  const file = await configFile(context, image)
  const summary = await summarise(context, { image, owner, viewer: projectId, users: layerUsers(context, [projectId, SYSTEM_PROJECT]) })
  const steps = history(context, image, file)
  return {
    ...summary,
    config: toImageConfig(file),
    rawConfig: file.config ?? {},
    author: file.author ?? '',
    comment: file.comment ?? steps[0]?.comment ?? '',
    variant: file.variant ?? '',
    storage: { driver: context.layers.driver, folders: image.layers.map((layer) => context.layers.path(layer.chainId)).reverse() },
    manifestDigest: image.manifest,
    layers: image.layers.map((layer) => layer.diffId),
    history: steps,
  }
}

/** Containers that stand on the image, as far as `viewer` may know; every one when there is no viewer. */
export function containersOf(context: ImageContext, imageId: string, viewer: string | undefined): string[] {
  const mine = [...context.pins].filter(([, pin]) => pin.imageId === imageId && (!viewer || !pin.projectId || pin.projectId === viewer))
  return [...new Set(mine.map(([, pin]) => pin.containerId))]
}

interface SummaryRequest {
  readonly image: ImageRecord
  readonly owner: string
  readonly viewer: string | undefined
  readonly users: ReadonlyMap<string, number>
}

async function summarise(context: ImageContext, { image, owner, viewer, users }: SummaryRequest): Promise<ImageSummary> {
  const file = await configFile(context, image)
  const project = context.records.project(owner)
  const named = (names: Record<string, string>) =>
    Object.keys(names)
      .filter((name) => names[name] === image.id)
      .map(familiarName)
      .sort()
  const chain = [...new Set(image.layers.map((layer) => layer.chainId))]
  const bytes = (chainId: string) => context.layers.get(chainId)?.fileBytes ?? 0
  const shared = chain.filter((chainId) => (users.get(chainId) ?? 0) > 1)
  return {
    id: image.id,
    projectId: owner,
    tags: named(project.tags),
    repoDigests: named(project.digests),
    createdAt: file.created ?? '',
    sizeBytes: sum(chain.map(bytes)),
    sharedBytes: sum(shared.map(bytes)),
    architecture: file.architecture,
    os: file.os,
    containers: containersOf(context, image.id, viewer).length,
    labels: file.config?.Labels ?? {},
  }
}

/** How many images of these projects stand on each layer. */
function layerUsers(context: ImageContext, owners: readonly string[]): Map<string, number> {
  const users = new Map<string, number>()
  const ids = new Set(owners.flatMap((owner) => context.records.project(owner).images))
  for (const id of ids) {
    const image = context.records.image(id)
    for (const chainId of new Set(image?.layers.map((layer) => layer.chainId))) users.set(chainId, (users.get(chainId) ?? 0) + 1)
  }
  return users
}

/** Newest first, as `docker history` shows it. Steps that changed no file have no layer. */
function history(context: ImageContext, image: ImageRecord, file: ConfigFile): ImageInspect['history'] {
  const layers = [...image.layers]
  const steps = (file.history ?? []).map((step) => {
    const layer = step.empty_layer ? undefined : layers.shift()
    return {
      createdAt: step.created ?? '',
      createdBy: step.created_by ?? '',
      comment: step.comment ?? '',
      sizeBytes: layer ? (context.layers.get(layer.chainId)?.fileBytes ?? 0) : 0,
      empty: step.empty_layer ?? false,
    }
  })
  return steps.reverse()
}

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
