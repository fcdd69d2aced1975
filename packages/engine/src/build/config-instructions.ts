import { posix } from 'node:path'
import { GantryError, signalSchema } from '@gantry/contracts'
import type { RunConfig } from '../image/image-document.ts'
import { bad, type Instruction, jsonForm } from './dockerfile/read-dockerfile.ts'
import { expand, expandWords, splitWords, type Variables } from './dockerfile/words.ts'

export interface Surroundings {
  readonly variables: Variables
  readonly escaping: string
}

/** What an instruction that changes no file makes of the configuration, and its arguments as the history shows them. */
export interface Configured {
  readonly config: RunConfig
  readonly shown: string
}

type Apply = (config: RunConfig, instruction: Instruction, around: Surroundings) => Configured

const table: Readonly<Record<string, Apply>> = {
  CMD: (config, instruction) => {
    const Cmd = commandOf(config, instruction)
    return { config: { ...config, Cmd }, shown: quoted(Cmd) }
  },
  ENTRYPOINT: (config, instruction) => {
    const Entrypoint = commandOf(config, instruction)
    // A command of the image below was meant for its own entry point.
    return { config: { ...config, Entrypoint, Cmd: null }, shown: quoted(Entrypoint) }
  },
  ENV: (config, instruction, around) => {
    const pairs = readPairs(instruction, around)
    const env = new Map((config.Env ?? []).map((entry) => [entry.slice(0, entry.indexOf('=')), entry]))
    for (const [name, value] of pairs) env.set(name, `${name}=${value}`)
    return { config: { ...config, Env: [...env.values()] }, shown: shownPairs(pairs) }
  },
  LABEL: (config, instruction, around) => {
    const pairs = readPairs(instruction, around)
    return { config: { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs) } }, shown: shownPairs(pairs) }
  },
  EXPOSE: (config, instruction, around) => {
    const words = expandWords(instruction.text, around.variables, around.escaping)
    const ports = words.flatMap((word) => readPorts(instruction, word))
    if (ports.length === 0) throw bad(instruction.line, 'EXPOSE requires at least one argument')
    const ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) }
    return { config: { ...config, ExposedPorts }, shown: words.sort().join(' ') }
  },
  VOLUME: (config, instruction, around) => {
    const json = jsonForm(instruction.text)
    const paths = json
      ? json.map((path) => expand(path, around.variables, around.escaping))
      : expandWords(instruction.text, around.variables, around.escaping)
    if (paths.length === 0 || paths.includes('')) throw bad(instruction.line, 'VOLUME requires at least one argument')
    const Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) }
    return { config: { ...config, Volumes }, shown: `[${paths.join(' ')}]` }
  },
  USER: (config, instruction, around) => {
    const User = one(instruction, around)
    return { config: { ...config, User }, shown: User }
  },
  WORKDIR: (config, instruction, around) => {
    const WorkingDir = posix.resolve('/', config.WorkingDir ?? '/', one(instruction, around))
    return { config: { ...config, WorkingDir }, shown: WorkingDir }
  },
  STOPSIGNAL: (config, instruction, around) => {
    const StopSignal = one(instruction, around)
    if (!signalSchema.safeParse(StopSignal).success) throw bad(instruction.line, `invalid signal: ${StopSignal}`)
    return { config: { ...config, StopSignal }, shown: StopSignal }
  },
  SHELL: (config, instruction) => {
    const Shell = jsonForm(instruction.text)
    if (!Shell || Shell.length === 0) throw bad(instruction.line, 'SHELL requires the arguments to be in JSON form')
    return { config: { ...config, Shell }, shown: `[${Shell.join(' ')}]` }
  },
  HEALTHCHECK: (config, instruction) => {
    const Healthcheck = readHealthcheck(config, instruction)
    return { config: { ...config, Healthcheck }, shown: `${JSON.stringify(Healthcheck)}` }
  },
  ONBUILD: (config, instruction) => {
    checkTrigger(instruction)
    return { config: { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.text] }, shown: instruction.text }
  },
}

/** As Docker does before anything is built: what cannot be put off. */
export function checkTrigger({ text, line }: Instruction): void {
  const [, trigger = ''] = /^\s*(\S+)/.exec(text) ?? []
  const word = trigger.toUpperCase()
  if (word === '') throw bad(line, 'ONBUILD requires at least one argument')
  if (word === 'ONBUILD') throw bad(line, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  if (word === 'FROM' || word === 'MAINTAINER') throw bad(line, `${word} isn't allowed as an ONBUILD trigger`)
}

/** As Go prints a list of strings. */
const quoted = (words: readonly string[]) => `[${words.map((word) => JSON.stringify(word)).join(' ')}]`

/** Carries out an instruction on the configuration. Throws `invalid_input` naming the line. */
export function applyInstruction(config: RunConfig, instruction: Instruction, around: Surroundings): Configured {
  const apply = table[instruction.keyword]
  if (!apply) throw bad(instruction.line, `${instruction.keyword} does not change the configuration`)
  return apply(config, instruction, around)
}

export const shellOf = (config: RunConfig): readonly string[] => (config.Shell?.length ? config.Shell : ['/bin/sh', '-c'])

/** The JSON form as it is, else one line for the shell. */
export function commandOf(config: RunConfig, instruction: Pick<Instruction, 'text'>): string[] {
  const { text } = instruction
  return jsonForm(text) ?? [...shellOf(config), text]
}

/** `A=1 B="2 3"`, or the old `A everything else`. */
export function readPairs(instruction: Instruction, { variables, escaping }: Surroundings): [string, string][] {
  const words = splitWords(instruction.text, escaping)
  const replaced = (text: string) => expand(text, variables, escaping)
  const [first] = words
  if (first === undefined) throw bad(instruction.line, `${instruction.keyword} requires at least one argument`)
  if (!first.includes('=')) {
    const [, name = '', value = ''] = /^(\S+)\s+([\s\S]+)$/.exec(instruction.text.trim()) ?? []
    if (name === '') throw bad(instruction.line, `${instruction.keyword} must have two arguments`)
    return [[replaced(name), replaced(value)]]
  }
  return words.map((word) => {
    const at = word.indexOf('=')
    if (at < 1) throw bad(instruction.line, `syntax error - can't find = in "${word}". Must be of the form: name=value`)
    return [replaced(word.slice(0, at)), replaced(word.slice(at + 1))]
  })
}

export const shownPairs = (pairs: readonly [string, string][]) => pairs.map(([name, value]) => `${name}=${value}`).join(' ')

function one(instruction: Instruction, { variables, escaping }: Surroundings): string {
  const value = expand(instruction.text, variables, escaping)
  if (value === '') throw bad(instruction.line, `${instruction.keyword} requires exactly one argument`)
  return value
}

/** `80`, `80/udp`, `8000-8010/tcp`. */
function readPorts(instruction: Instruction, word: string): string[] {
  const [, from = '', to = from, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word) ?? []
  const [first, last] = [Number(from), Number(to)]
  if (from === '' || first < 1 || last > 65_535 || last < first) throw bad(instruction.line, `invalid containerPort: ${word}`)
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol.toLowerCase()}`)
}

const durationFlags = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const

function readHealthcheck(config: RunConfig, instruction: Instruction): NonNullable<RunConfig['Healthcheck']> {
  const [, word = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(instruction.text) ?? []
  if (word.toUpperCase() === 'NONE') return { Test: ['NONE'] }
  if (word.toUpperCase() !== 'CMD' || rest === '') throw bad(instruction.line, `Unknown type "${word}" in HEALTHCHECK (try CMD)`)
  const json = jsonForm(rest)
  const check: NonNullable<RunConfig['Healthcheck']> = { Test: json ? ['CMD', ...json] : shellTest(config, rest) }
  for (const [name, value] of instruction.flags) {
    if (name in durationFlags) check[durationFlags[name as keyof typeof durationFlags]] = nanoseconds(instruction, value)
    else if (name === 'retries' && /^\d+$/.test(value)) check.Retries = Number(value)
    else throw bad(instruction.line, `invalid flag --${name}=${value} of HEALTHCHECK`)
  }
  return check
}

const shellTest = (config: RunConfig, line: string) => (config.Shell?.length ? ['CMD', ...config.Shell, line] : ['CMD-SHELL', line])

const unitNanoseconds: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 }

/** Go's durations: `1m30s`, `500ms`. */
function nanoseconds(instruction: Instruction, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    if (text === '0') return 0
    throw bad(instruction.line, `invalid duration "${text}"`)
  }
  return Math.round(parts.reduce((sum, [, amount, unit = 's']) => sum + Number(amount) * (unitNanoseconds[unit] ?? 0), 0))
}

const changeable = new Set([
  'CMD',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'LABEL',
  'ONBUILD',
  'USER',
  'VOLUME',
  'WORKDIR',
  'HEALTHCHECK',
  'STOPSIGNAL',
])

/** The changes of a commit or an import: Dockerfile instructions that change no file. */
export function applyChanges(config: RunConfig, instructions: readonly Instruction[]): RunConfig {
  let changed = config
  for (const instruction of instructions) {
    if (!changeable.has(instruction.keyword)) {
      throw new GantryError('invalid_input', `${instruction.keyword} is not a valid change command`, {
        field: 'changes',
        value: instruction.keyword,
      })
    }
    const variables = new Map((changed.Env ?? []).map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]))
    changed = applyInstruction(changed, instruction, { variables, escaping: '\\' }).config
  }
  return changed
}
