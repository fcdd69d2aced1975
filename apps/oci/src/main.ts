import { GantryError } from '@gantry/contracts/gantry-error'
import { parseArgs } from './args.ts'
import { create, run } from './commands/create.ts'
import { start } from './commands/start.ts'
import { state } from './commands/state.ts'
import { kill } from './commands/kill.ts'
import { remove } from './commands/delete.ts'
import { exec } from './commands/exec.ts'
import { list } from './commands/list.ts'
import { ps } from './commands/ps.ts'
import { pause, resume } from './commands/pause.ts'
import { update } from './commands/update.ts'
import { events } from './commands/events.ts'
import { features } from './commands/features.ts'
import { spec } from './commands/spec.ts'
import { ExitStatus, type Globals } from './globals.ts'
import { debug, logError, setLog } from './log.ts'

type Verb = (args: readonly string[], globals: Globals) => void | Promise<void>

const verbs: Readonly<{ [name: string]: Verb }> = {
  create,
  start,
  run,
  state,
  kill,
  delete: remove,
  exec,
  list,
  ps,
  pause,
  resume,
  update,
  events,
  features,
  spec,
}
/** Those that neither read nor make anything of the machine's. */
const forEverybody = ['features', 'spec']

const globalOptions = {
  root: { kind: 'value' },
  log: { kind: 'value' },
  'log-format': { kind: 'value' },
  'systemd-cgroup': { kind: 'flag' },
  cgroup: { kind: 'value' },
  rootless: { kind: 'value' },
  debug: { kind: 'flag' },
  version: { kind: 'flag', short: 'v' },
  help: { kind: 'flag', short: 'h' },
} as const

const usage = `usage: gantry-oci [--root DIR] [--log FILE] [--log-format text|json] [--debug] [--version] VERB …
verbs: ${Object.keys(verbs).join(', ')}
`

function defaultRoot(): string {
  const { XDG_RUNTIME_DIR } = process.env
  return process.geteuid?.() !== 0 && XDG_RUNTIME_DIR ? `${XDG_RUNTIME_DIR}/gantry-oci` : '/run/gantry-oci'
}

async function main(words: readonly string[]): Promise<void> {
  const options = parseArgs(words, globalOptions)
  if (options.has('version')) {
    process.stdout.write('gantry-oci version 0.1.0\nspec: 1.2.0\n')
    return
  }
  const format = options.value('log-format') ?? 'text'
  if (format !== 'text' && format !== 'json') throw new GantryError('invalid_input', `--log-format ${format} is not text or json`)
  setLog({ path: options.value('log'), format, debug: options.has('debug') })
  const [name, ...args] = options.positional
  if (name === undefined || name === 'help' || options.has('help')) {
    process.stdout.write(usage)
    return
  }
  const verb = verbs[name]
  if (!verb) throw new GantryError('unsupported', `unknown verb ${name}`, { remedy: `one of ${Object.keys(verbs).join(', ')}` })
  if (options.has('systemd-cgroup') && name !== 'features') {
    throw new GantryError('unsupported', '--systemd-cgroup is not supported', { remedy: 'use the cgroupfs driver of the caller' })
  }
  if (process.geteuid?.() !== 0 && !forEverybody.includes(name)) {
    throw new GantryError('forbidden', 'gantry-oci needs root: rootless containers are not supported')
  }
  debug(`${name} ${args.join(' ')}`)
  await verb(args, { root: options.value('root') ?? defaultRoot() })
}

function words(error: unknown): string {
  if (!(error instanceof GantryError)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  return error.detail.remedy ? `${error.message} (${error.detail.remedy})` : error.message
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    if (error instanceof ExitStatus) process.exit(error.status)
    logError(words(error))
    process.stderr.write(`gantry-oci: ${words(error)}\n`)
    process.exit(1)
  },
)
