import { type ImageInspect, type ImageSummary, SYSTEM_PROJECT } from '@gantry/contracts'
import { matchesLabels } from '../lib/labels.ts'
import type { ImageContext } from './context.ts'
import { configFile, findImage } from './find-image.ts'
import { type ConfigFile, toImageConfig } from './manifest.ts'
import type { ImageRecord } from './records.ts'
import { familiarName } from './reference.ts'

/** A project's images and the system project's, or everybody's; newest first. */
export async function listImages(
  context: ImageContext,
  filter: { projectId?: string | undefined; labels?: readonly string[] | undefined },
): Promise<ImageSummary[]> {
  const owners = filter.projectId ? [...new Set([filter.projectId, SYSTEM_PROJECT])] : context.records.projects()
  const users = layerUsers(context)
  const summaries: ImageSummary[] = []
  for (const owner of owners) {
    for (const id of context.records.project(owner).images) {
      const image = context.records.image(id)
      if (image) summaries.push(await summarise(context, { image, owner, viewer: filter.projectId, users }))
    }
  }
  const wanted = summaries.filter((summary) => matchesLabels(summary.labels, filter.labels))
  return wanted.sort((a, b) => b.createdAt.localeCompare(a.createdAt))
}

export async function inspectImage(context: ImageContext, projectId: string, text: string): Promise<ImageInspect> {
  const { image, owner } = findImage(context, projectId, text)
  const file = await configFile(context, image)
  const summary = await summarise(context, { image, owner, viewer: projectId, users: layerUsers(context) })
  return {
    ...summary,
    config: toImageConfig(file),
    manifestDigest: image.manifest,
    layers: image.layers.map((layer) => layer.diffId),
    history: history(context, image, file),
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

/** How many images stand on each layer. */
function layerUsers(context: ImageContext): Map<string, number> {
  const users = new Map<string, number>()
  for (const image of context.records.images()) {
    for (const chainId of new Set(image.layers.map((layer) => layer.chainId))) users.set(chainId, (users.get(chainId) ?? 0) + 1)
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
