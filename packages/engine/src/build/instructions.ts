import { GantryError } from '@gantry/contracts'
import { type Build, type BuildInput, globals, takeStep } from './builder.ts'
import { applyInstruction, commandOf, shellOf } from './config-instructions.ts'
import { copy } from './copy-instruction.ts'
import { folderStep } from './copy-step.ts'
import { bad, type Instruction } from './dockerfile/read-dockerfile.ts'
import { nop } from './history-words.ts'
import { expand, splitWords } from './dockerfile/words.ts'
import { runStep } from './run-step.ts'
import { isPredefined, type Stage } from './stage.ts'

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
      return takeStep(build, stage, { config: stage.config, createdBy: nop(stage.config, ` MAINTAINER ${author}`), author })
    }
    default:
      return configure(build, stage, instruction)
  }
}

async function configure(build: Build, stage: Stage, instruction: Instruction): Promise<void> {
  const around = { variables: stage.variables, escaping: build.escaping }
  const { config, shown } = applyInstruction(stage.config, instruction, around)
  const { lease, limits, signal, shop } = build
  const { keyword } = instruction
  const step = { config, createdBy: nop(config, `${keyword === 'WORKDIR' ? '' : ' '}${keyword} ${shown}`) }
  const [kind, ...check] = stage.config.Healthcheck?.Test ?? []
  if (keyword === 'HEALTHCHECK' && kind !== undefined && kind !== 'NONE') {
    await build.tell(`Note: overriding previous HEALTHCHECK: [${[kind, ...check].join(' ')}]\n`)
  }
  if (keyword !== 'WORKDIR') return takeStep(build, stage, step)
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
  await takeStep(build, stage, { config: stage.config, createdBy: nop(stage.config, ` ARG ${instruction.text}`) })
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
  const network = runNetwork(build, instruction)
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
          ...{ ...network, extraHosts: input.extraHosts, resources: input.resources, ulimits: input.ulimits },
          ...(input.shmSizeBytes === undefined ? {} : { shmSizeBytes: input.shmSizeBytes }),
          ...(input.cgroupParent === undefined ? {} : { cgroupParent: input.cgroupParent }),
        },
      }),
  })
}

function runNetwork({ input }: Build, { flags, line }: Instruction): Pick<BuildInput, 'networkMode' | 'endpoints'> {
  let { networkMode, endpoints } = input
  for (const [name, value] of flags) {
    if (name !== 'network')
      throw new GantryError('unsupported', `the --${name} option of RUN requires BuildKit (line ${line})`, { field: name })
    if (value !== 'default' && value !== 'none' && value !== 'host') throw bad(line, `unknown network of RUN: ${value}`)
    if (value !== 'default') [networkMode, endpoints] = [value, []]
  }
  return { networkMode, endpoints }
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

/** Arguments that were given and that nothing asked for. */
export function unconsumed({ input, consumed }: Build): string[] {
  return Object.keys(input.buildArgs).filter((name) => !consumed.has(name) && !isPredefined(name))
}
