import { createHash } from 'node:crypto'
import { GantryError, type ParsedInputOf } from '@gantry/contracts'
import { changedDocument, emptyDocument, type ImageDocument, parseImageDocument, type RunConfig } from '../image/image-document.ts'
import type { ImageState, Lease } from '../image/make-image.ts'
import { hostPlatform } from '../image/manifest.ts'
import type { LayerRecord } from '../image/records.ts'
import type { UnpackLimits } from '../kernel/unpack.ts'
import { faultPoint } from '../lib/fault.ts'
import type { BuildCache } from './build-cache.ts'
import type { BuildContext } from './build-context.ts'
import type { Workshop } from './commit.ts'
import type { Variables } from './dockerfile/words.ts'
import type { Stage } from './stage.ts'

export type BuildInput = ParsedInputOf<'image.build'>

/** What all steps of one build work with. */
export interface Build {
  readonly shop: Workshop & { readonly cache: BuildCache }
  readonly input: BuildInput
  readonly context: BuildContext
  readonly escaping: string
  readonly lease: Lease
  readonly limits: UnpackLimits
  readonly signal: AbortSignal
  /** A line or a piece of one for the person who waits. */
  readonly tell: (text: string) => Promise<void>
  /** Pulls an image of the project, telling how far it is. */
  readonly pull: (reference: string, platform: string | undefined) => Promise<void>
  readonly stages: Stage[]
  /** Of `--cache-from`. */
  readonly candidates: ImageState[]
  /** What ARG instructions asked for; the rest is warned of. */
  readonly consumed: Set<string>
  /** From before the first FROM. */
  readonly globalArgs: Map<string, string>
  /** Images that had to be pulled. */
  readonly pulled: string[]
  /** Here-documents of COPY and files of ADD so far: each has a folder of its own. */
  inlineCount: number
  readonly startedAt: number
  /** What ADD has fetched so far; all of it must fit into the room that is left. */
  fetchedBytes: number
  readonly tellDownload: (current: number, total: number | undefined) => Promise<void>
}

/** What FROM may refer to, and an ARG may take over: arguments from before the first FROM, and what platform this is. */
export function globals({ globalArgs, input }: Pick<Build, 'globalArgs' | 'input'>): Variables {
  const platform = input.platform ?? `${hostPlatform.os}/${hostPlatform.architecture}`
  const [os = '', architecture = '', variant = ''] = platform.split('/')
  const here = `${hostPlatform.os}/${hostPlatform.architecture}`
  return new Map([
    ...([
      ['TARGETPLATFORM', platform],
      ['TARGETOS', os],
      ['TARGETARCH', architecture],
      ['TARGETVARIANT', variant],
    ] as const),
    ...([
      ['BUILDPLATFORM', here],
      ['BUILDOS', hostPlatform.os],
      ['BUILDARCH', hostPlatform.architecture],
    ] as const),
    ...globalArgs,
  ])
}

export interface Step {
  readonly config: RunConfig
  /** What made it, as the history shows it; with the state it stands on, this names the step. */
  readonly createdBy: string
  readonly author?: string | undefined
  /** Makes the layer; absent for a step that changes no file. */
  readonly makeLayer?: () => Promise<LayerRecord | undefined>
}

/** Carries out a step, or finds what an earlier build made of the same step on the same state. */
export async function takeStep(build: Build, stage: Stage, step: Step): Promise<void> {
  const { cache, making } = build.shop
  const { projectId, noCache } = build.input
  build.signal.throwIfAborted()
  const key = createHash('sha256')
    .update(JSON.stringify([stage.id, step.createdBy, step.config]))
    .digest('hex')
  const cached = noCache ? undefined : ((await fromCache(build, key)) ?? (await fromCandidates(build, stage, step)))
  if (cached) {
    await build.tell(' ---> Using cache\n')
    stage.state = cached.state
    stage.id = cached.id
  } else {
    const layer = await step.makeLayer?.()
    stage.state = after(stage.state, step, layer)
    stage.id = await making.addDocument(stage.state.document, build.lease)
  }
  faultPoint('build.step')
  const { id, state, cacheKey: parent } = stage
  cache.put(projectId, key, { id, layers: [...state.layers], usedAt: build.startedAt, description: step.createdBy, parent })
  stage.cacheKey = key
  if (!stage.inTriggers) await build.tell(` ---> ${stage.id.slice(7, 19)}\n`)
}

function after(state: ImageState, step: Step, layer: LayerRecord | undefined): ImageState {
  const { config, createdBy, author } = step
  const created = new Date().toISOString()
  const document = changedDocument(state.document, { created, createdBy, author, config, diffId: layer?.diffId })
  return { document, layers: layer ? [...state.layers, layer] : state.layers }
}

interface Found {
  readonly id: string
  readonly state: ImageState
}

async function fromCache({ shop, input, lease }: Build, key: string): Promise<Found | undefined> {
  const entry = shop.cache.get(input.projectId, key)
  if (!entry) return undefined
  lease.add(entry.id, ...entry.layers.flatMap(({ digest, chainId }) => [digest, chainId]))
  const bytes = await shop.making.readWhole(entry.id, entry.layers)
  if (bytes) return { id: entry.id, state: { document: parseImageDocument(bytes), layers: entry.layers } }
  shop.cache.forget(input.projectId, [key])
  return undefined
}

/** An image of `--cache-from` that was made by the same steps up to here, and then by this one. */
async function fromCandidates(build: Build, stage: Stage, step: Step): Promise<Found | undefined> {
  const { document, layers } = stage.state
  const steps = document.history ?? []
  for (const candidate of build.candidates) {
    const history = candidate.document.history ?? []
    const next = history[steps.length]
    const sameSteps = steps.every((entry, index) => entry.created_by === history[index]?.created_by)
    const sameFiles = layers.every(({ diffId }, index) => diffId === candidate.layers[index]?.diffId)
    if (!next || next.created_by !== step.createdBy || !sameSteps || !sameFiles) continue
    const layer = next.empty_layer ? undefined : candidate.layers[layers.length]
    if (!next.empty_layer && !layer) continue
    const state = after(stage.state, step, layer)
    return { id: await build.shop.making.addDocument(state.document, build.lease), state }
  }
  return undefined
}

/** The first state of a stage: nothing, an earlier stage, or an image, which is pulled when it is missing. */
export async function baseState(
  build: Build,
  name: string,
  platform: string | undefined,
): Promise<Pick<Stage, 'state' | 'id' | 'cacheKey'>> {
  if (name.toLowerCase() === 'scratch') return { state: { document: emptyDocument(), layers: [] }, id: '', cacheKey: undefined }
  const earlier = findStage(build, name)
  if (earlier) return earlier
  return { ...(await imageState(build, name, platform)), cacheKey: undefined }
}

export function findStage({ stages }: Build, name: string): Stage | undefined {
  return stages.find((stage, index) => stage.name === name.toLowerCase() || String(index) === name)
}

export async function imageState(build: Build, name: string, platform?: string): Promise<{ state: ImageState; id: string }> {
  const { shop, input, lease } = build
  const find = async () => {
    const { id, document, layers } = await shop.making.find(input.projectId, name, lease)
    return { id, state: { document: plainDocument(document), layers } }
  }
  if (!input.pull) {
    try {
      return await find()
    } catch (error) {
      if (!(error instanceof GantryError && error.code === 'not_found')) throw error
    }
  }
  await build.pull(name, platform)
  return find()
}

/** The settings of the container that an old builder made the image in are no part of what is made of it. */
function plainDocument(document: ImageDocument): ImageDocument {
  const { container: _container, container_config: _settings, ...rest } = document
  return rest
}
