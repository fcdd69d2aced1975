import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { type ErrorCode, GantryError, type Op } from '@gantry/contracts'
import { callOffViewer, openAttach, watchMonitor } from './attach.ts'
import type { AttachChannel, AttachOptions, Kernel, ProcessExit, Started, StartPlan } from './kernel.ts'
import { encodeRequest, LineReader } from './wire.ts'

export interface LauncherOptions {
  /** Folder with gantry-launcher. */
  readonly nativeDir: string
  readonly log?: (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
  /** Results of `ops`, by index; pieces of one come in order. */
  readonly parts: string[]
}

/** Lines of the launcher, its children and the monitors; see native/src/wire.h. */
interface Line {
  id?: number
  parts?: [index: number, text: string][]
  done?: number
  started?: { key: string; pid: number; startTicks: number; monitorPid: number; steps: [string, number, number][] }
  error?: { step: string; errno: string; text: string; exitCode?: number }
  event?: 'exit' | 'lost'
  key?: string
}

/** What the kernel says when a request asked for too much or for what is not there, rather than that we did wrong. */
const codeOfErrno: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'no_space',
  EDQUOT: 'no_space',
  ENOMEM: 'unavailable',
  EAGAIN: 'unavailable',
  EMFILE: 'unavailable',
}

/**
 * Starts the launcher and speaks its wire. A launcher that dies is started again at the next request; its monitors and their
 * processes go on, and their exits still arrive on the old socket. Warm sandboxes die with it.
 */
export function createLauncher(options: LauncherOptions): Kernel {
  return new Launcher(options)
}

/** MAX_FRAME of native/src/wire.h; the kernel itself takes about 2 MiB of arguments and environment (execve(2)). */
const maxFrameBytes = 8 * 1024 * 1024

function tooLong(bytes: number): GantryError {
  return new GantryError('invalid_input', `command, environment and mounts take ${bytes} bytes, at most ${maxFrameBytes} are possible`, {
    asked: String(bytes),
    limit: String(maxFrameBytes),
    remedy: 'pass large values in a file or volume',
  })
}

class Launcher implements Kernel {
  private readonly options: LauncherOptions
  private child: ChildProcess | null = null
  private wire: Duplex | null = null
  private nextId = 1
  private readonly pending = new Map<number, Pending>()
  private readonly exitListeners: ((exit: ProcessExit) => void)[] = []
  private closed = false

  constructor(options: LauncherOptions) {
    this.options = options
  }

  async start(plan: StartPlan): Promise<Started> {
    const ops: Op[] = [
      ['@host'],
      ...plan.host,
      ['@monitor'],
      ...plan.monitor,
      ['@namespaces'],
      ...plan.namespaces,
      ['@rootfs'],
      ...plan.rootfs,
      ['@process'],
      ...plan.process,
    ]
    return (await this.request(['start', plan.key, plan.monitorDir], ops)) as Started
  }

  async ops(ops: readonly Op[]): Promise<string[]> {
    if (ops.length === 0) return []
    return (await this.request(['ops'], ops)) as string[]
  }

  onExit(listener: (exit: ProcessExit) => void): void {
    this.exitListeners.push(listener)
  }

  async adopt(monitorDir: string): Promise<Started | null> {
    const adopted = await watchMonitor(monitorDir, (exit) => this.tellExit(exit))
    if (adopted) return adopted
    const exit = await readExit(`${monitorDir}/exit.json`)
    return exit ? { key: exit.key, pid: 0, startTicks: 0, monitorPid: 0, steps: [], exit } : null
  }

  attach(monitorDir: string, options: AttachOptions): Promise<AttachChannel> {
    return openAttach(monitorDir, options)
  }

  callOff(monitorDir: string): Promise<void> {
    return callOffViewer(monitorDir)
  }

  async close(): Promise<void> {
    this.closed = true
    const child = this.child
    this.wire?.destroy()
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    // The launcher ends at the end of its socket, but monitors hold copies of its side, so it is told.
    await new Promise<void>((resolve) => {
      child.ref()
      child.once('exit', () => resolve())
      child.kill('SIGTERM')
    })
  }

  private request(head: readonly string[], ops: readonly Op[]): Promise<unknown> {
    if (this.closed) return Promise.reject(new GantryError('unavailable', 'the engine is shutting down'))
    const id = this.nextId++
    const frame = encodeRequest([String(id), ...head], ops)
    if (frame.length > maxFrameBytes) return Promise.reject(tooLong(frame.length))
    const wire = this.connect()
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject, parts: Array.from({ length: ops.length }, () => '') })
      wire.write(frame)
    })
  }

  private connect(): Duplex {
    if (this.wire) return this.wire
    const child = spawn(`${this.options.nativeDir}/gantry-launcher`, [], {
      cwd: '/',
      env: {} as NodeJS.ProcessEnv,
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
      // Ctrl-C at the terminal is the agent's business: it ends the launcher in its own time.
      detached: true,
    })
    const wire = child.stdio[3] as Duplex
    const reader = new LineReader((line) => this.onLine(line))
    wire.on('data', (chunk: Buffer) => reader.push(chunk))
    wire.on('error', () => this.lost(child, wire))
    child.on('error', (error) => this.lost(child, wire, error))
    child.on('exit', () => this.lost(child, wire))
    // An idle engine must be able to end.
    child.unref()
    this.child = child
    this.wire = wire
    return wire
  }

  private lost(child: ChildProcess, wire: Duplex, cause?: Error): void {
    if (this.child !== child) return
    this.child = null
    this.wire = null
    if (this.closed) wire.destroy()
    else
      this.options.log?.('error', 'the launcher ended, the next request starts another', { signal: child.signalCode, code: child.exitCode })
    for (const [id, pending] of this.pending) {
      this.pending.delete(id)
      pending.reject(new GantryError('unavailable', 'the launcher ended before it answered', {}, { cause }))
    }
  }

  private onLine(text: string): void {
    const line = JSON.parse(text) as Line
    if (line.event === 'exit') this.tellExit(toExit(line as unknown as ExitRecord))
    else if (line.event === 'lost') this.tellLost(line.key ?? '')
    else this.onAnswer(line)
  }

  private onAnswer(line: Line): void {
    const pending = this.pending.get(line.id ?? 0)
    if (!pending) return
    for (const [index, piece] of line.parts ?? []) pending.parts[index] += piece
    if (line.parts && line.done === undefined) return
    this.pending.delete(line.id ?? 0)
    if (line.error) pending.reject(toError(line.error))
    else if (line.started) pending.resolve(toStarted(line.started))
    else pending.resolve(pending.parts)
  }

  /** A monitor was killed: its process dies with it, and nobody saw how. */
  private tellLost(key: string): void {
    this.options.log?.('error', 'a monitor was killed, its process with it', { key })
    this.tellExit({ key, exitCode: 137, signal: 9, oomKilled: false, finishedAt: new Date().toISOString() })
  }

  private tellExit(exit: ProcessExit): void {
    for (const listener of this.exitListeners) listener(exit)
  }
}

interface ExitRecord extends ProcessExit {
  readonly event: 'exit'
}

function toExit(record: ExitRecord): ProcessExit {
  const { key, exitCode, signal, oomKilled, finishedAt } = record
  return { key, exitCode, signal, oomKilled, finishedAt }
}

function toStarted(line: NonNullable<Line['started']>): Started {
  return { ...line, steps: line.steps.map(([step, startUs, endUs]) => ({ step, startUs, endUs })) }
}

function toError(line: NonNullable<Line['error']>): GantryError {
  const isCommand = line.exitCode === 126 || line.exitCode === 127
  const code = isCommand || line.step.startsWith('user') ? 'invalid_input' : (codeOfErrno[line.errno] ?? 'internal')
  const words = line.text.replace(/: ([A-Z])([^A-Z])/, (_, first: string, second: string) => `: ${first.toLowerCase()}${second}`)
  return new GantryError(code, words, {
    step: line.step,
    errno: line.errno,
    ...(isCommand ? { field: 'command', exitCode: line.exitCode } : {}),
  })
}

/**
 * Reads an exit record (a monitor's exit.json or its fsynced copy). Null when there is none or it was cut off by a crash:
 * a whole one ends in a newline.
 */
export async function readExit(path: string): Promise<ProcessExit | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return ''
    throw error
  })
  return text.endsWith('}\n') ? toExit(JSON.parse(text) as ExitRecord) : null
}
