import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Op } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts/gantry-error'
import { encodeOps } from './encode.ts'

/** `apps/oci/src/kernel` in the sources, `apps/oci/dist` in the bundle: the repository is where native/ lies. */
const here = dirname(fileURLToPath(import.meta.url))
export const nativeDir = process.env.GANTRY_NATIVE || join(here, here.endsWith('dist') ? '../../..' : '../../../..', 'native/build')

export interface Section {
  readonly name: 'host' | 'namespaces' | 'join' | 'rootfs' | 'mounts' | 'process' | 'run'
  readonly ops: readonly Op[]
}
export interface Started {
  readonly pid: number
  readonly startTicks: number
}
export interface NativeRequest {
  readonly sections: readonly Section[]
  /** Folder for the plan's and the answer's files, which are unlinked at once. */
  readonly dir: string
  /** Descriptors from 3 on that the process gets. */
  readonly preserve?: number
}

function encode(sections: readonly Section[]): string {
  return encodeOps(sections.flatMap(({ name, ops }): Op[] => [[`@${name}`], ...ops]))
}

let serial = 0
/** A file that is gone from the folder as soon as it is open. */
function hiddenFile(dir: string, content: string): number {
  const path = join(dir, `.${process.pid}.${serial++}`)
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' })
  const fd = openSync(path, 'r+')
  unlinkSync(path)
  return fd
}

/** The other program's writing moved the place where reading would go on. */
function readFromStart(fd: number): string {
  const chunk = Buffer.alloc(8192)
  return chunk.toString('utf8', 0, readSync(fd, chunk, 0, chunk.length, 0))
}

function stdio(preserve: number, ...ours: (number | 'pipe')[]): (number | 'pipe')[] {
  return [0, 1, 2, ...Array.from({ length: preserve }, (_, index) => 3 + index), ...ours]
}

function program(request: NativeRequest, mode: 'detach' | 'foreground'): [string, string[]] {
  const first = 3 + (request.preserve ?? 0)
  return [join(nativeDir, 'gantry-runtime'), [String(first), String(first + 1), String(request.preserve ?? 0), mode]]
}

/** Carries the plan out and leaves the process, if it starts one, to the nearest subreaper. */
export function runDetached(request: NativeRequest): Started {
  const plan = hiddenFile(request.dir, encode(request.sections))
  const answer = hiddenFile(request.dir, '')
  try {
    const [command, args] = program(request, 'detach')
    const { error } = spawnSync(command, args, { stdio: stdio(request.preserve ?? 0, plan, answer) })
    if (error) throw new GantryError('internal', `${command} cannot be run`, {}, { cause: error })
    return parseAnswer(readFromStart(answer))
  } finally {
    closeSync(plan)
    closeSync(answer)
  }
}

/** The host's operations alone. */
export function runHostOps(dir: string, ops: readonly Op[]): void {
  if (ops.length > 0) runDetached({ dir, sections: [{ name: 'host', ops }] })
}

export interface Foreground {
  readonly started: Promise<Started>
  readonly exitCode: Promise<number>
}

/** The same, staying until the process ends: its streams are ours, and so are its signals. */
export function runForeground(request: NativeRequest): Foreground {
  const plan = hiddenFile(request.dir, encode(request.sections))
  const [command, args] = program(request, 'foreground')
  const child = spawn(command, args, { stdio: stdio(request.preserve ?? 0, plan, 'pipe') })
  closeSync(plan)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const) {
    process.on(signal, () => child.kill(signal))
  }
  const pipe = child.stdio[4 + (request.preserve ?? 0)]
  const started = new Promise<Started>((resolve, reject) => {
    let text = ''
    child.on('error', (cause) => reject(new GantryError('internal', `${command} cannot be run`, {}, { cause })))
    pipe?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    pipe?.on('end', () => {
      try {
        resolve(parseAnswer(text))
      } catch (error) {
        reject(error)
      }
    })
  })
  const exitCode = new Promise<number>((resolve) => child.on('exit', (code, signal) => resolve(code ?? (signal ? 128 : 1))))
  return { started, exitCode }
}

interface Answer {
  readonly pid?: number
  readonly startTicks?: number
  readonly error?: { readonly step: string; readonly errno: string; readonly exitCode: number; readonly text: string }
}

function parseAnswer(text: string): Started {
  const answer: Answer = text.endsWith('\n') ? JSON.parse(text) : {}
  if (answer.error) throw nativeFailure(answer.error)
  if (text === '') throw new GantryError('internal', 'the native helper was killed')
  return { pid: answer.pid ?? 0, startTicks: answer.startTicks ?? 0 }
}

/**
 * Callers of runtimes read our words: podman and docker tell by them whether a command was not found (127) or could not be run
 * (126), so what they look for is said too.
 */
export function nativeFailure(error: NonNullable<Answer['error']>): GantryError {
  const { step, errno, exitCode, text } = error
  const lower = text.replace(/: ([A-Z])(?=[^:]*$)/, (_, letter: string) => `: ${letter.toLowerCase()}`)
  const words = exitCode === 127 ? `${lower} (executable file not found in $PATH)` : lower
  return new GantryError('invalid_input', `${step}: ${words}`, { step, errno, ...(exitCode ? { exitCode } : {}) })
}

/** Runs a program of ours or the system's to its end. */
export function runProgram(command: string, args: readonly string[], input: string): { status: number; stdout: Buffer; stderr: string } {
  const { error, status, stdout, stderr } = spawnSync(command, args, { input, maxBuffer: 2 ** 26 })
  if (error) throw new GantryError('internal', `${command} cannot be run`, {}, { cause: error })
  return { status: status ?? 1, stdout, stderr: stderr.toString() }
}
