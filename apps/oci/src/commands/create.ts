import { renameSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, type Parsed, parseArgs, wholeNumber } from '../args.ts'
import { makeFolders, planFolders, removeFolders } from '../cgroup/folders.ts'
import { killAll } from '../cgroup/processes.ts'
import { writeLimits } from '../cgroup/write-limits.ts'
import { type Config, ociVersion, readConfig, rootfsOf } from '../config/config.ts'
import { ExitStatus, type Globals } from '../globals.ts'
import { runDetached, runForeground, type Section, type Started } from '../kernel/native.ts'
import { checkRoot } from '../plan/mounts.ts'
import { planStart } from '../plan/start-plan.ts'
import { Container, type Record, thisProcess } from '../state/container.ts'
import { writeFront } from '../state/front.ts'
import { removeContainer } from './delete.ts'
import { startContainer } from './start.ts'

const options = {
  bundle: { kind: 'value', short: 'b' },
  'console-socket': { kind: 'value' },
  'pid-file': { kind: 'value' },
  'no-pivot': { kind: 'flag' },
  'no-new-keyring': { kind: 'flag' },
  'preserve-fds': { kind: 'value' },
} as const
const runOptions = {
  ...options,
  detach: { kind: 'flag', short: 'd' },
  keep: { kind: 'flag' },
  'no-subreaper': { kind: 'flag' },
} as const

export function create(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, options, true)
  expectWords(parsed, 'create [OPTIONS] CONTAINER', 1)
  const made = prepare(parsed, globals)
  if (made.config.process?.terminal && !parsed.value('console-socket')) {
    undoing(made, () => {
      throw new GantryError('invalid_input', 'process.terminal needs --console-socket', { field: 'process.terminal' })
    })
  }
  undoing(made, () => {
    settle(made, runDetached(request(made, parsed)), parsed.value('pid-file'))
  })
}

/** `create` and `start` in one; without --detach until the process ends, whose exit status is ours. */
export async function run(args: readonly string[], globals: Globals): Promise<void> {
  const parsed = parseArgs(args, runOptions, true)
  expectWords(parsed, 'run [OPTIONS] CONTAINER', 1)
  const made = prepare(parsed, globals)
  if (parsed.has('detach')) {
    undoing(made, () => {
      if (made.config.process?.terminal && !parsed.value('console-socket')) {
        throw new GantryError('invalid_input', 'a detached terminal needs --console-socket', { field: 'process.terminal' })
      }
      settle(made, runDetached(request(made, parsed)), parsed.value('pid-file'))
      startContainer(made.container)
    })
    return
  }
  try {
    const process = runForeground(request(made, parsed))
    settle(made, await process.started, parsed.value('pid-file'))
    startContainer(made.container)
    const status = await process.exitCode
    if (!parsed.has('keep')) removeContainer(made.container, { force: true })
    throw new ExitStatus(status)
  } catch (error) {
    if (!(error instanceof ExitStatus)) undo(made)
    throw error
  }
}

interface Made {
  readonly container: Container
  readonly record: Record
  readonly config: Config
  readonly sections: readonly Section[]
}

/** Everything up to the new process. The record is there before anything of the kernel's is made, so that `delete` finds it. */
function prepare(parsed: Parsed, globals: Globals): Made {
  const bundle = resolve(parsed.value('bundle') ?? '.')
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  const { config, text } = readConfig(bundle)
  const rootfs = rootfsOf(config, bundle)
  checkRoot(rootfs)
  const record: Record = {
    ociVersion,
    id: container.id,
    bundle,
    rootfs,
    created: new Date().toISOString(),
    owner: '',
    annotations: config.annotations ?? {},
    cgroup: planFolders(config.linux?.cgroupsPath, container.id),
    hooks: { poststart: config.hooks?.poststart, poststop: config.hooks?.poststop },
    creator: thisProcess(),
  }
  container.claim(globals.root)
  try {
    container.write(record)
    writeFileSync(container.configFile, text, { mode: 0o600 })
    const console = parsed.value('console-socket')
    const sections = planStart(config, container, record, {
      root: globals.root,
      consoleSocket: console && resolve(console),
      noPivot: parsed.has('no-pivot'),
      newKeyring: !parsed.has('no-new-keyring'),
    })
    makeFolders(record.cgroup)
    writeLimits(record.cgroup, config.linux?.resources ?? {}, { fresh: true })
    return { container, record, config, sections }
  } catch (error) {
    undo({ container, record })
    throw error
  }
}

function request({ container, sections }: Made, parsed: Parsed) {
  return { sections, dir: container.dir, preserve: preserved(parsed) }
}

/** Descriptors that the caller hands down: what it says, or those of socket activation (sd_listen_fds(3)). */
export function preserved(parsed: Parsed): number {
  const asked = wholeNumber(parsed.value('preserve-fds'), '--preserve-fds') ?? 0
  const { LISTEN_FDS = '', LISTEN_PID = '' } = process.env
  const listening = LISTEN_FDS && (!LISTEN_PID || Number(LISTEN_PID) === process.pid) ? Number(LISTEN_FDS) : 0
  if (asked < 0 || !Number.isInteger(listening)) throw new GantryError('invalid_input', `--preserve-fds ${asked} is negative`)
  return asked + listening
}

function settle({ container, record }: Made, started: Started, pidFile: string | undefined): void {
  const settled = { ...record, pid: started.pid, startTicks: started.startTicks }
  container.write(settled)
  writeFront(container, settled)
  if (pidFile) writePidFile(pidFile, started.pid)
}

/** Whole or not there: callers read it as soon as it appears. */
export function writePidFile(path: string, pid: number): void {
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, String(pid))
  renameSync(temporary, path)
}

function undoing(made: Made, work: () => void): void {
  try {
    work()
  } catch (error) {
    undo(made)
    throw error
  }
}

function undo({ container, record }: Pick<Made, 'container' | 'record'>): void {
  killAll(record.cgroup)
  removeFolders(record.cgroup)
  container.remove()
}
