import { join } from 'node:path'
import { type AgentHandlers, GantryError, SYSTEM_PROJECT } from '@gantry/contracts'
import type { Unpacker } from '../kernel/unpack.ts'
import type { EngineConfig, EventBus, ImageStore } from '../ports.ts'
import type { LayerStore } from '../snapshot/layers.ts'
import { ensureBusybox } from './busybox.ts'
import { ContentStore } from './content-store.ts'
import type { ImageContext } from './context.ts'
import { resolveImage } from './find-image.ts'
import { ioErrors, ioErrorsInStream } from './io-errors.ts'
import { Leases } from './leases.ts'
import { imageUsage, inspectImage, listImages, sum } from './list-images.ts'
import { loadImages } from './load/load-images.ts'
import { type ImageMaking, imageMaking } from './make-image.ts'
import { ImageRecords, type LayerRecord } from './records.ts'
import { registryInspect, registryLogin, registryTags } from './registry/ask.ts'
import { createPuller } from './registry/pull.ts'
import { pushImage } from './registry/push.ts'
import { pruneImages, removeImage, tagImage } from './remove-image.ts'
import { saveImages } from './save-images.ts'
import { sweep } from './sweep.ts'

/** What `createImages` needs; made once at wiring. */
export interface ImagesOptions {
  readonly config: EngineConfig
  readonly events: Pick<EventBus, 'emit'>
  readonly layers: LayerStore
  readonly unpacker: Unpacker
  /** `host[:port]` of registries on private addresses that the host's administrator trusts; loopback needs no entry. */
  readonly privateRegistries?: readonly string[]
  /** True for content (digests, chain ids) that is no image's and must stay all the same. */
  readonly isKept?: (id: string) => boolean
  /** Layers that a project has beside its images'. */
  readonly keptLayers?: (projectId: string) => readonly LayerRecord[]
}

/** The methods of the agent's table that images answer. */
export type ImageHandlers = Pick<
  AgentHandlers,
  | 'image.list'
  | 'image.usage'
  | 'image.inspect'
  | 'image.pull'
  | 'image.push'
  | 'image.load'
  | 'image.save'
  | 'image.tag'
  | 'image.remove'
  | 'image.prune'
  | 'registry.tags'
  | 'registry.inspect'
  | 'registry.login'
>

export interface Images extends ImageStore {
  readonly handlers: ImageHandlers
  readonly making: ImageMaking
  /** Bytes and number of a project's images, layers shared inside the project counted once. */
  usage(projectId: string): { images: number; sizeBytes: number }
  /** Forgets every image of a project that is being removed. */
  removeProject(projectId: string): Promise<void>
}

/**
 * Opens the image store below `<dataDir>/images`, sweeps what an interrupted request left, and makes the built-in busybox image. A
 * machine without busybox is only a warning: images can still be pulled and loaded.
 */
export async function createImages(options: ImagesOptions): Promise<Images> {
  const root = join(options.config.dataDir, 'images')
  const content = await ContentStore.open(root, options.layers.writeBehind)
  const context: ImageContext = {
    ...options,
    privateRegistries: options.privateRegistries ?? [],
    isKept: options.isKept ?? (() => false),
    keptLayers: options.keptLayers ?? (() => []),
    content,
    records: new ImageRecords(root, options.config.log),
    leases: new Leases(),
    pins: new Map(),
    recordedIn: new Map(),
  }
  await sweep(context)
  try {
    await ensureBusybox(context)
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
    options.config.log('warn', error.message, { remedy: error.detail.remedy })
  }
  return {
    handlers: imageHandlers(context),
    making: imageMaking(context),
    resolve: (projectId, reference) => ioErrors(() => resolveImage(context, projectId, reference)),
    async addUser(imageId, containerId, projectId) {
      await settled(context, imageId)
      context.pins.set(`${containerId}/${imageId}`, { imageId, projectId, containerId })
    },
    async removeUser(containerId) {
      for (const [key, pin] of context.pins) if (pin.containerId === containerId) context.pins.delete(key)
    },
    usage: (projectId) => projectUsage(context, projectId),
    async removeProject(projectId) {
      if (projectId === SYSTEM_PROJECT) throw new GantryError('forbidden', `the ${SYSTEM_PROJECT} project cannot be removed`)
      await context.records.change(projectId, (project) => Object.assign(project, { images: [], tags: {}, digests: {} }))
      await sweep(context)
    },
  }
}

/** A container that is on the disk must not stand on an image that is not. */
async function settled(context: ImageContext, imageId: string): Promise<void> {
  const layers = context.records.image(imageId)?.layers ?? []
  const sessions = layers.flatMap((layer) => context.layers.get(layer.chainId)?.session ?? [])
  const recorded = context.recordedIn.get(imageId)
  await context.layers.writeBehind.settled(recorded ? [...sessions, recorded] : sessions)
}

function imageHandlers(context: ImageContext): ImageHandlers {
  const pull = createPuller(context)
  return {
    'image.list': (input) => ioErrors(() => listImages(context, input)),
    'image.usage': (input) => ioErrors(() => imageUsage(context, input.projectId)),
    'image.inspect': (input) => ioErrors(() => inspectImage(context, input.projectId, input.image)),
    'image.pull': (input, signal) => ioErrorsInStream(pull({ ...input, signal })),
    'image.push': (input, signal) => ioErrorsInStream(pushImage(context, { ...input, signal })),
    'image.load': (input, channel, signal) => ioErrors(() => loadImages(context, { ...input, channel, signal })),
    'image.save': (input, channel, signal) => ioErrors(() => saveImages(context, { ...input, channel, signal })),
    'image.tag': (input) => ioErrors(() => tagImage(context, input)),
    'image.remove': (input) => ioErrors(() => removeImage(context, input)),
    'image.prune': (input) => ioErrors(() => pruneImages(context, input)),
    'registry.tags': (input, signal) => registryTags(context, { ...input, signal }),
    'registry.inspect': (input, signal) => registryInspect(context, { ...input, signal }),
    'registry.login': (input, signal) => registryLogin(context, { ...input, signal }),
  }
}

function projectUsage(context: ImageContext, projectId: string): { images: number; sizeBytes: number } {
  const { images } = context.records.project(projectId)
  const layers = [...images.flatMap((id) => context.records.image(id)?.layers ?? []), ...context.keptLayers(projectId)]
  const chain = new Set(layers.map((layer) => layer.chainId))
  return { images: images.length, sizeBytes: sum([...chain].map((chainId) => context.layers.get(chainId)?.fileBytes ?? 0)) }
}
