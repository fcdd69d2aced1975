import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildEvent, type ByteChannel, GantryError, type OutputOf, type Progress } from '@gantry/contracts'
import { limitsFor } from '../image/context.ts'
import { familiar } from '../image/reference.ts'
import { channelInput } from '../lib/channel-input.ts'
import type { BuildCache } from './build-cache.ts'
import { fetchContext, receiveContext } from './build-context.ts'
import { baseState, type Build, type BuildInput, globals } from './builder.ts'
import { nameOf, type Workshop } from './commit.ts'
import { checkTrigger, shownPairs } from './config-instructions.ts'
import { bad, type Instruction, readDockerfile, readInstructionLine } from './dockerfile/read-dockerfile.ts'
import { expand, splitWords } from './dockerfile/words.ts'
import { carryOut, readArgument, unconsumed } from './instructions.ts'
import { collectCache } from './prune-cache.ts'
import { Stage } from './stage.ts'

export interface BuildShop extends Workshop {
  readonly cache: BuildCache
  /** Folder for contexts; emptied at start. */
  readonly folder: string
  readonly pull: PullImage
}
export type PullImage = (request: {
  projectId: string
  reference: string
  platform: string | undefined
  auth: BuildInput['auths'][string] | undefined
  limits: BuildInput['limits']
  signal: AbortSignal
}) => AsyncIterable<Progress>

/**
 * Builds an image from a Dockerfile and the files of a context, which the client sends as a tar. When it fails, or the client goes away,
 * the running step ends and nothing stays but the cache of the steps that were complete.
 */
export async function buildImage(
  shop: BuildShop,
  input: BuildInput,
  channel: ByteChannel,
  signal: AbortSignal,
): Promise<OutputOf<'image.build'>> {
  const references = input.references.map(nameOf)
  const folder = join(shop.folder, randomBytes(8).toString('hex'))
  const lease = shop.making.lease()
  const limits = limitsFor(input.limits)
  const send = (event: BuildEvent) => channel.write(Buffer.from(`${JSON.stringify(event)}\n`))
  const tell = (text: string) => send({ text })
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const tellDownload = (current: number, total?: number) => send({ progress: { status: 'downloading', current, total } })
    const { policy, dockerfile, remote } = input
    const options = { folder: join(folder, 'context'), dockerfile, limits, signal }
    const anywhere = policy.hostAccess
    const context = await (remote === undefined
      ? receiveContext(shop.archiver, await channelInput(channel), options)
      : fetchContext(shop.archiver, { url: remote, anywhere, onProgress: tellDownload }, options))
    const { escaping, instructions } = readDockerfile(context.dockerfile)
    const pulled: string[] = []
    const build: Build = {
      ...{ shop, input, context, escaping, lease, limits, signal, tell, tellDownload, pulled },
      pull: (reference, platform) => pullBase({ shop, input, signal, pulled, send }, reference, platform),
      ...{ stages: [], candidates: [], consumed: new Set(), globalArgs: new Map(), inlineCount: 0, fetchedBytes: 0, startedAt: Date.now() },
    }
    await loadCandidates(build)
    const stage = await buildStages(build, instructions)
    const id = await shop.making.store(stage.state, { projectId: input.projectId, references, lease, limits })
    await send({ id })
    await finish(build, id, references.map(familiar))
    return { id, pulled: await idsOf(build, pulled) }
  } finally {
    lease.release()
    await shop.parts.kernel.ops([['rmtree', folder]])
    await collectCache(shop, input.projectId, input.limits?.cacheBytes)
    channel.end()
  }
}

async function finish(build: Build, id: string, names: readonly string[]): Promise<void> {
  const unused = unconsumed(build)
  if (unused.length > 0) await build.tell(`[Warning] One or more build-args [${unused.join(' ')}] were not consumed\n`)
  await build.tell(`Successfully built ${id.slice(7, 19)}\n`)
  for (const name of names) await build.tell(`Successfully tagged ${name}\n`)
}

async function idsOf({ shop, input, lease }: Build, references: readonly string[]): Promise<string[]> {
  const found = await Promise.all(references.map((reference) => shop.making.find(input.projectId, reference, lease)))
  return [...new Set(found.map(({ id }) => id))]
}

/** Images of `--cache-from` that are here; others are of no use, and no error. */
async function loadCandidates(build: Build): Promise<void> {
  for (const reference of build.input.cacheFrom) {
    try {
      build.candidates.push(await build.shop.making.find(build.input.projectId, reference, build.lease))
    } catch (error) {
      if (!(error instanceof GantryError && error.code === 'not_found')) throw error
    }
  }
}

async function buildStages(build: Build, instructions: readonly Instruction[]): Promise<Stage> {
  const { input } = build
  const wanted = untilTarget(instructions, input.target)
  const labels = Object.entries(input.labels).map(
    ([name, value]) => `${JSON.stringify(name)}=${JSON.stringify(value).replaceAll('$', '\\$')}`,
  )
  const steps = labels.length > 0 ? [...wanted, readInstructionLine(`LABEL ${labels.join(' ')}`)] : wanted
  for (const instruction of wanted) if (instruction.keyword === 'ONBUILD') checkTrigger(instruction)
  let stage: Stage | undefined
  for (const [index, instruction] of steps.entries()) {
    build.signal.throwIfAborted()
    const words = index < wanted.length ? shown(instruction) : `LABEL ${shownPairs(Object.entries(input.labels))}`
    await build.tell(`Step ${index + 1}/${steps.length} : ${words}\n`)
    if (instruction.keyword === 'FROM') stage = await beginStage(build, instruction)
    else if (stage) await carryOut(build, stage, instruction)
    else globalArgument(build, instruction)
  }
  if (!stage) throw new GantryError('invalid_input', 'no build stage in current context', { field: 'dockerfile' })
  return stage
}

const shown = ({ keyword, flags, text }: Instruction) =>
  [keyword, ...flags.map(([name, value]) => (value === '' ? `--${name}` : `--${name}=${value}`)), text].join(' ')

/** Stages after the target are not built. */
function untilTarget(instructions: readonly Instruction[], target: string | undefined): readonly Instruction[] {
  if (target === undefined) return instructions
  const starts = instructions.flatMap((instruction, index) =>
    instruction.keyword === 'FROM' ? [{ index, name: stageName(instruction) }] : [],
  )
  const at = starts.findIndex(({ name }, index) => name === target.toLowerCase() || String(index) === target)
  if (at < 0)
    throw new GantryError('invalid_input', `failed to reach build target ${target} in Dockerfile`, { field: 'target', value: target })
  return instructions.slice(0, starts[at + 1]?.index ?? instructions.length)
}

function stageName({ text, line }: Instruction): string | undefined {
  const words = text.split(/\s+/)
  if (words.length === 1) return undefined
  const [, as = '', name = ''] = words
  if (words.length !== 3 || as.toUpperCase() !== 'AS') throw bad(line, 'FROM requires either one or three arguments')
  if (!/^[a-zA-Z][a-zA-Z0-9_.-]*$/.test(name)) throw bad(line, `invalid name for build stage: "${name}"`)
  return name.toLowerCase()
}

function globalArgument(build: Build, instruction: Instruction): void {
  const { input, globalArgs, escaping, consumed } = build
  if (instruction.keyword !== 'ARG') throw bad(instruction.line, 'no build stage in current context')
  for (const word of splitWords(instruction.text, escaping)) {
    const { name, fallback } = readArgument(instruction, word, (text) => expand(text, globals(build), escaping))
    consumed.add(name)
    const value = input.buildArgs[name] ?? fallback
    if (value !== undefined) globalArgs.set(name, value)
  }
}

async function beginStage(build: Build, instruction: Instruction): Promise<Stage> {
  const { input, escaping } = build
  const name = stageName(instruction)
  const [first = ''] = instruction.text.split(/\s+/)
  const base = expand(first, globals(build), escaping)
  if (base === '') throw bad(instruction.line, `base name (${first}) should not be blank`)
  let platform = input.platform
  for (const [flag, value] of instruction.flags) {
    if (flag !== 'platform') throw bad(instruction.line, `unknown flag of FROM: --${flag}`)
    platform = expand(value, globals(build), escaping)
  }
  const { state, id, cacheKey } = await baseState(build, base, platform)
  const given = new Map(Object.entries(input.buildArgs).flatMap(([arg, value]) => (value === null ? [] : [[arg, value] as const])))
  const stage = new Stage({ name, state, id, cacheKey, given })
  build.stages.push(stage)
  await triggers(build, stage)
  await build.tell(` ---> ${stage.id.slice(7, 19)}\n`)
  return stage
}

/** What the base image wants to be done in whatever is built on it; once, and not in what is built on that. */
async function triggers(build: Build, stage: Stage): Promise<void> {
  const lines = stage.config.OnBuild ?? []
  if (lines.length === 0) return
  await build.tell(`# Executing ${lines.length} build trigger${lines.length === 1 ? '' : 's'}\n`)
  const { document, layers } = stage.state
  stage.state = { document: { ...document, config: { ...stage.config, OnBuild: null } }, layers }
  stage.inTriggers = true
  for (const line of lines) await carryOut(build, stage, readInstructionLine(line, '\\'))
  stage.inTriggers = false
}

interface Pulling {
  readonly shop: BuildShop
  readonly input: BuildInput
  readonly signal: AbortSignal
  readonly pulled: string[]
  readonly send: (event: BuildEvent) => Promise<void>
}

async function pullBase({ shop, input, signal, pulled, send }: Pulling, reference: string, platform: string | undefined): Promise<void> {
  const registry = nameOfRegistry(reference)
  const { projectId, limits } = input
  const auth = input.auths[registry] ?? (registry === 'docker.io' ? input.auths['https://index.docker.io/v1/'] : undefined)
  for await (const progress of shop.pull({ projectId, reference, platform, auth, limits, signal })) await send({ progress })
  pulled.push(reference)
}

function nameOfRegistry(reference: string): string {
  const [first = ''] = reference.split('/')
  return reference.includes('/') && /[.:]|^localhost$/.test(first) ? first : 'docker.io'
}
