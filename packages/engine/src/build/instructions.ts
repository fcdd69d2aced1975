import { mkdirSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { View } from '../kernel/archiver.ts'
import { type Build, findStage, globals, imageState, takeStep } from './builder.ts'
import { applyInstruction, commandOf, shellOf } from './config-instructions.ts'
import { findSources, type Source } from './copy-sources.ts'
import { type CopyGroup, copyStep, folderStep } from './copy-step.ts'
import { bad, type Instruction, jsonForm } from './dockerfile/read-dockerfile.ts'
import { expand, splitWords } from './dockerfile/words.ts'
import { runStep } from './run-step.ts'
import { isPredefined, type Stage } from './stage.ts'

const nop = (text: string) => `/bin/sh -c #(nop) ${text}`

/** Carries out one instruction of a stage (all but FROM). */
export async function carryOut(build: Build, stage: Stage, instruction: Instruction): Promise<void> {
  switch (instruction.keyword) {
    case 'RUN':
      return run(build, stage, instruction)
    case 'COPY':
    case 'ADD':
      return copy(build, stage, instruction)
    case 'ARG':
      return argument(build, stage, instruction)
    case 'MAINTAINER': {
      const author = expand(instruction.text, stage.variables, build.escaping)
      return takeStep(build, stage, { config: stage.config, createdBy: nop(` MAINTAINER ${author}`), author })
    }
    default:
      return configure(build, stage, instruction)
  }
}

async function configure(build: Build, stage: Stage, instruction: Instruction): Promise<void> {
  const around = { variables: stage.variables, escaping: build.escaping }
  const { config, shown } = applyInstruction(stage.config, instruction, around)
  const { lease, limits, signal, shop } = build
  const step = { config, createdBy: nop(` ${instruction.keyword} ${shown}`) }
  if (instruction.keyword !== 'WORKDIR') return takeStep(build, stage, step)
  const below = stage.state.layers
  await takeStep(build, stage, { ...step, makeLayer: () => folderStep(shop, shown, { below, lease, limits, signal }) })
}

/** `ARG NAME` takes the caller's value, else the one from before the first FROM; `ARG NAME=default` the caller's or the default. */
async function argument(build: Build, stage: Stage, instruction: Instruction): Promise<void> {
  const { buildArgs } = build.input
  for (const word of splitWords(instruction.text, build.escaping)) {
    const { name, fallback } = readArgument(instruction, word, (text) => expand(text, stage.variables, build.escaping))
    build.consumed.add(name)
    stage.declare(name, buildArgs[name] ?? fallback ?? globals(build).get(name))
  }
  await takeStep(build, stage, { config: stage.config, createdBy: nop(` ARG ${instruction.text}`) })
}

export function readArgument(
  instruction: Instruction,
  word: string,
  replaced: (text: string) => string,
): { name: string; fallback: string | undefined } {
  const at = word.indexOf('=')
  const name = at < 0 ? word : word.slice(0, at)
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) throw bad(instruction.line, `invalid name of an ARG: "${name}"`)
  return { name, fallback: at < 0 ? undefined : replaced(word.slice(at + 1)) }
}

async function run(build: Build, stage: Stage, instruction: Instruction): Promise<void> {
  const networkMode = runNetwork(build, instruction)
  const { command, script } = runCommand(stage, instruction)
  const { env, counted } = stage.runArguments()
  const { shop, input, lease, limits, signal } = build
  const shown = script ?? command.join(' ')
  await takeStep(build, stage, {
    config: stage.config,
    createdBy: counted.length > 0 ? `|${counted.length} ${counted.join(' ')} ${shown}` : shown,
    makeLayer: () =>
      runStep(shop, {
        ...{ projectId: input.projectId, policy: input.policy, state: stage.state, imageId: stage.id, command, script, env },
        ...{ lease, limits, signal, onText: build.tell },
        container: {
          ...{ networkMode, extraHosts: input.extraHosts, resources: input.resources, ulimits: input.ulimits },
          ...(input.shmSizeBytes === undefined ? {} : { shmSizeBytes: input.shmSizeBytes }),
        },
      }),
  })
}

function runNetwork({ input }: Build, { flags, line }: Instruction): string {
  let mode = input.networkMode
  for (const [name, value] of flags) {
    if (name !== 'network')
      throw new GantryError('unsupported', `the --${name} option of RUN requires BuildKit (line ${line})`, { field: name })
    if (value !== 'default' && value !== 'none' && value !== 'host') throw bad(line, `unknown network of RUN: ${value}`)
    if (value !== 'default') mode = value
  }
  return mode
}

/** A here-document that stands alone is a script: for the shell, or for the interpreter that its first line names. */
function runCommand(stage: Stage, { text, heredocs, line }: Instruction): { command: string[]; script?: string } {
  const [first] = heredocs
  if (text === '') throw bad(line, 'RUN requires at least one argument')
  if (!first) return { command: commandOf(stage.config, { text }) }
  if (heredocs.length === 1 && /^<<-?\s*["']?[\w.-]+["']?$/.test(text)) {
    if (first.content.startsWith('#!')) return { command: [], script: first.content }
    return { command: [...shellOf(stage.config), first.content] }
  }
  const bodies = heredocs.map(({ name, content }) => `${content}${name}\n`).join('')
  return { command: [...shellOf(stage.config), `${text}\n${bodies}`] }
}

async function copy(build: Build, stage: Stage, instruction: Instruction): Promise<void> {
  const { keyword, line } = instruction
  const flags = copyFlags(build, stage, instruction)
  const words = (jsonForm(instruction.text) ?? splitWords(instruction.text, build.escaping)).map((word) => ({
    raw: word,
    text: word.startsWith('<<') ? word : expand(word, stage.variables, build.escaping),
  }))
  const destinationWord = words.pop()
  if (!destinationWord || words.length === 0) throw bad(line, `${keyword} requires at least two arguments`)
  const destination = resolveDestination(stage, destinationWord.text)
  const origin = await originOf(build, flags.from)
  const groups: CopyGroup[] = []
  for (const { text } of words) groups.push(await groupOf(build, stage, { instruction, text, origin }))
  const sources = groups.flatMap((group) => group.sources)
  if (sources.length > 1 && !destination.endsWith('/')) {
    throw bad(line, `When using ${keyword} with more than one source file, the destination must be a directory and end with a /`)
  }
  const { shop, lease, limits, signal } = build
  const shownFlags = [...(flags.chown ? [`--chown=${flags.chown}`] : []), ...(flags.chmod ? [`--chmod=${flags.chmod}`] : [])]
  await takeStep(build, stage, {
    config: stage.config,
    createdBy: nop([keyword, ...shownFlags, shownSources(sources), 'in', `${destination} `].join(' ')),
    makeLayer: () =>
      copyStep(shop, {
        ...{ below: stage.state.layers, groups, destination, lease, limits, signal, chown: flags.chown },
        mode: flags.chmod === undefined ? undefined : Number.parseInt(flags.chmod, 8),
        keepOwners: flags.from !== undefined,
        unpack: keyword === 'ADD',
      }),
  })
}

interface CopyFlags {
  readonly from?: string
  readonly chown?: string
  readonly chmod?: string
}

function copyFlags(build: Build, stage: Stage, { keyword, flags, line }: Instruction): CopyFlags {
  const found: { from?: string; chown?: string; chmod?: string } = {}
  for (const [name, raw] of flags) {
    const value = expand(raw, stage.variables, build.escaping)
    if (name === 'from' && keyword === 'COPY') found.from = value
    else if (name === 'chown') found.chown = value
    else if (name === 'chmod' && /^[0-7]{1,4}$/.test(value)) found.chmod = value
    else if (name === 'chmod') throw bad(line, `the mode ${value} must be octal`)
    else throw new GantryError('unsupported', `the --${name} option of ${keyword} requires BuildKit (line ${line})`, { field: name })
  }
  return found
}

/** What is not absolute is below the working folder; `.`, `..` and a slash at the end mean a folder. */
function resolveDestination(stage: Stage, text: string): string {
  const path = posix.resolve('/', stage.config.WorkingDir ?? '/', text)
  const folder = text.endsWith('/') || /(^|\/)\.{1,2}$/.test(text)
  return folder && path !== '/' ? `${path}/` : path
}

interface CopyOrigin {
  readonly view: View
  readonly imageId?: string
}

async function originOf(build: Build, from: string | undefined): Promise<CopyOrigin> {
  if (from === undefined) return { view: build.context.view }
  const stage = findStage(build, from)
  const { state, id } = stage ?? (await imageState(build, from))
  const chain = state.layers.map(({ chainId }) => chainId)
  const lowerDirs = await build.shop.parts.snapshots.withLowerView(chain, async (dirs) => dirs)
  return { view: { kind: 'stack', lowerDirs, mounts: [] }, imageId: id }
}

async function groupOf(
  build: Build,
  stage: Stage,
  { instruction, text, origin }: { instruction: Instruction; text: string; origin: CopyOrigin },
): Promise<CopyGroup> {
  const { archiver } = build.shop
  if (text.startsWith('<<')) return heredocGroup(build, stage, instruction, text)
  if (/^(https?|ftp):\/\//.test(text) || /^git@|\.git$/.test(text)) {
    throw new GantryError('unsupported', `ADD of an address is not supported: ${text}`, {
      value: text,
      remedy: 'fetch it in a RUN step, or put the file into the build context',
    })
  }
  const { view, imageId } = origin
  if (imageId !== undefined) return { view, sources: await findSources(archiver, { view, imageId }, text) }
  const { files, folder } = build.context
  return { view, folder, sources: await findSources(archiver, { view, files }, text) }
}

/** A file that is written in the Dockerfile itself. */
async function heredocGroup(build: Build, stage: Stage, { heredocs, line }: Instruction, word: string): Promise<CopyGroup> {
  const name = word.replace(/^<<-?\s*["']?/, '').replace(/["']$/, '')
  const found = heredocs.find((heredoc) => heredoc.name === name)
  if (!found) throw bad(line, `there is no here-document ${name}`)
  const content = found.expand ? expandLines(found.content, stage, build) : found.content
  const folder = join(`${build.context.folder}-inline`, String(build.inlineCount++))
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  writeFileSync(join(folder, name), content, { mode: 0o644 })
  const view: View = { kind: 'folder', path: folder, writable: false }
  const files = new Map((await build.shop.archiver.list(view, '/', { sum: true })).map((file) => [file.path, file]))
  const [source] = await findSources(build.shop.archiver, { view, files }, name)
  return { view, sources: source ? [source] : [] }
}

/** Variables are replaced and quotes stay, as in a shell's here-document. */
function expandLines(content: string, stage: Stage, { escaping }: Build): string {
  return expand(
    content.replace(/["']/g, (quote) => `${escaping}${quote}`),
    stage.variables,
    escaping,
  )
}

function shownSources(sources: readonly Source[]): string {
  const [only] = sources
  if (sources.length === 1 && only) return `${only.folder ? 'dir' : 'file'}:${only.checksum}`
  return `multi:${sources.map(({ checksum }) => checksum).join(',')}`
}

/** Arguments that were given and that nothing asked for. */
export function unconsumed({ input, consumed }: Build): string[] {
  return Object.keys(input.buildArgs).filter((name) => !consumed.has(name) && !isPredefined(name))
}
