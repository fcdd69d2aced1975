import { GantryError } from '@gantry/contracts'
import { DockerfileParser } from 'dockerfile-ast'

export interface HereDocument {
  readonly name: string
  readonly content: string
  /** The delimiter was not quoted, so variables in it are replaced. */
  readonly expand: boolean
}

export interface Instruction {
  /** Upper case. */
  readonly keyword: string
  /** `--name=value` before the arguments; a flag without a value has ''. */
  readonly flags: readonly (readonly [name: string, value: string])[]
  /** The arguments on one line, without comments and line continuations. */
  readonly text: string
  readonly heredocs: readonly HereDocument[]
  /** The first is 1. */
  readonly line: number
}

export interface Dockerfile {
  readonly escaping: '\\' | '`'
  readonly instructions: readonly Instruction[]
}

const keywords = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(' '),
)
const takesHeredocs = new Set(['RUN', 'COPY', 'ADD'])

/** Reads a Dockerfile. Throws `invalid_input` with the line where it cannot be understood. */
export function readDockerfile(text: string): Dockerfile {
  const clean = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  const parsed = DockerfileParser.parse(clean)
  const escaping = parsed.getEscapeCharacter() === '`' ? '`' : '\\'
  const lines = clean.split('\n')
  const instructions = parsed.getInstructions().map((found) => {
    const { start, end } = found.getRange()
    return readInstruction(lines.slice(start.line, end.line + 1), escaping, start.line + 1)
  })
  if (instructions.length === 0) throw new GantryError('invalid_input', 'the Dockerfile is empty')
  return { escaping, instructions }
}

/** One instruction that stands alone: of `ONBUILD`, or of a commit's changes. */
export function readInstructionLine(text: string, escaping: Dockerfile['escaping'] = '\\', line = 1): Instruction {
  return readInstruction(text.split('\n'), escaping, line)
}

function readInstruction(lines: readonly string[], escaping: string, line: number): Instruction {
  const { logical, used } = joinLines(lines, escaping)
  const [, word = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*)$/.exec(logical) ?? []
  const keyword = word.toUpperCase()
  if (!keywords.has(keyword)) throw bad(line, `unknown instruction: ${keyword}`)
  const { flags, text } =
    keyword === 'RUN' || keyword === 'COPY' || keyword === 'ADD' || keyword === 'FROM' || keyword === 'HEALTHCHECK'
      ? takeFlags(rest)
      : { flags: [], text: rest.trim() }
  const heredocs = takesHeredocs.has(keyword) ? readHeredocs(text, lines.slice(used), line) : []
  return { keyword, flags, text, heredocs, line }
}

/** Lines up to the first that does not go on; comments and empty lines between them do not count. */
function joinLines(lines: readonly string[], escaping: string): { logical: string; used: number } {
  let logical = ''
  for (const [index, line] of lines.entries()) {
    if (index > 0 && (/^\s*#/.test(line) || line.trim() === '')) continue
    const trimmed = line.trimEnd()
    if (!trimmed.endsWith(escaping)) return { logical: logical + line, used: index + 1 }
    logical += trimmed.slice(0, -1)
  }
  return { logical, used: lines.length }
}

function takeFlags(text: string): { flags: [string, string][]; text: string } {
  const flags: [string, string][] = []
  let rest = text.trim()
  for (;;) {
    const match = /^--([a-zA-Z][a-zA-Z-]*)(?:=("[^"]*"|'[^']*'|\S*))?(?:\s+|$)/.exec(rest)
    if (!match) return { flags, text: rest.replace(/^--\s+/, '') }
    flags.push([match[1] ?? '', (match[2] ?? '').replace(/^(["'])(.*)\1$/, '$2')])
    rest = rest.slice(match[0].length)
  }
}

const heredocStart = /<<(-?)\s*(["']?)([a-zA-Z0-9_][a-zA-Z0-9_.-]*)\2/g

function readHeredocs(text: string, lines: readonly string[], line: number): HereDocument[] {
  const heredocs: HereDocument[] = []
  let at = 0
  if (lines.length === 0) return heredocs
  for (const [, dash, quote, name = ''] of text.matchAll(heredocStart)) {
    const body: string[] = []
    for (;;) {
      if (at >= lines.length) throw bad(line, `unterminated heredoc ${name}`)
      const raw = lines[at++] ?? ''
      const content = dash ? raw.replace(/^\t+/, '') : raw
      if (content === name) break
      body.push(`${content}\n`)
    }
    heredocs.push({ name, content: body.join(''), expand: quote === '' })
  }
  return heredocs
}

export function bad(line: number, why: string): GantryError {
  return new GantryError('invalid_input', `dockerfile parse error on line ${line}: ${why}`, { field: 'dockerfile', value: String(line) })
}

/** The JSON form `["a", "b"]`; undefined when it is none. */
export function jsonForm(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value : undefined
  } catch {
    return undefined
  }
}
