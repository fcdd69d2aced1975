import { mkdirSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { View } from '../kernel/archiver.ts'
import { addressGroup } from './add-address.ts'
import { type Build, findStage, imageState, takeStep } from './builder.ts'
import { findSources, type Source } from './copy-sources.ts'
import { type CopyGroup, copyStep } from './copy-step.ts'
import { bad, type Instruction, jsonForm } from './dockerfile/read-dockerfile.ts'
import { expand, splitWords } from './dockerfile/words.ts'
import { isWebAddress } from './fetch-file.ts'
import { nop } from './history-words.ts'
import type { Stage } from './stage.ts'

/** COPY and ADD. */
export async function copy(build: Build, stage: Stage, instruction: Instruction): Promise<void> {
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
  if (flags.checksum !== undefined && !(words.length === 1 && isWebAddress(words[0]?.text ?? ''))) {
    throw bad(line, 'checksum can only be specified for a single HTTP(S) source')
  }
  const groups: CopyGroup[] = []
  for (const { text } of words)
    groups.push(await groupOf(build, stage, { instruction, text, origin, destination, checksum: flags.checksum }))
  const sources = groups.flatMap((group) => group.sources)
  if (sources.length > 1 && !destination.endsWith('/')) {
    throw bad(line, `When using ${keyword} with more than one source file, the destination must be a directory and end with a /`)
  }
  const { shop, lease, limits, signal } = build
  const shownFlags = [...(flags.chown ? [`--chown=${flags.chown}`] : []), ...(flags.chmod ? [`--chmod=${flags.chmod}`] : [])]
  await takeStep(build, stage, {
    config: stage.config,
    createdBy: nop(stage.config, [keyword, ...shownFlags, shownSources(sources), 'in', `${destinationWord.text} `].join(' ')),
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
  readonly checksum?: string
}

function copyFlags(build: Build, stage: Stage, { keyword, flags, line }: Instruction): CopyFlags {
  const found: { -readonly [K in keyof CopyFlags]: CopyFlags[K] } = {}
  for (const [name, raw] of flags) {
    const value = expand(raw, stage.variables, build.escaping)
    if (name === 'from' && keyword === 'COPY') found.from = value
    else if (name === 'chown') found.chown = value
    else if (name === 'chmod' && /^[0-7]{1,4}$/.test(value)) found.chmod = value
    else if (name === 'chmod') throw bad(line, `the mode ${value} must be octal`)
    else if (name === 'checksum' && keyword === 'ADD') found.checksum = value
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

interface Wanted {
  readonly instruction: Instruction
  readonly text: string
  readonly origin: CopyOrigin
  readonly destination: string
  readonly checksum: string | undefined
}

const isGitAddress = (text: string) => /^(git:\/\/|ssh:\/\/|git@)/.test(text) || /^https?:\/\/[^?]*\.git(#.*)?$/.test(text)

async function groupOf(build: Build, stage: Stage, { instruction, text, origin, destination, checksum }: Wanted): Promise<CopyGroup> {
  const { archiver } = build.shop
  const { keyword, line } = instruction
  if (text.startsWith('<<')) return heredocGroup(build, stage, instruction, text)
  if (isWebAddress(text) && keyword === 'COPY') throw bad(line, `Source can't be a URL for COPY: ${text}`)
  if (keyword === 'ADD' && isGitAddress(text)) {
    throw new GantryError('unsupported', `ADD of a git repository requires BuildKit: ${text} (line ${line})`, {
      value: text,
      remedy: 'clone it in a RUN step, or put it into the build context',
    })
  }
  if (isWebAddress(text)) return addressGroup(build, { url: text, destination, checksum, line })
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
