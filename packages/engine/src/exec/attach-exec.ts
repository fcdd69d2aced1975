import { type ByteChannel, GantryError } from '@gantry/contracts'
import { monitorDir, type Parts } from '../container/parts.ts'
import type { AttachChannel } from '../kernel/kernel.ts'
import type { Exec, Viewer } from './exec.ts'
import { forgetFiles, startExec } from './start-exec.ts'
import { view, viewTerminal } from './view.ts'

export interface RunOptions {
  /** Nobody looks: the process goes on by itself. */
  readonly detach: boolean
  readonly columns?: number
  readonly rows?: number
}
const SIGHUP = 1

/** `exec.start`: starts the exec and carries its bytes. A caller that leaves a terminal hangs it up; pipes just end. */
export async function runAttached(
  parts: Parts,
  exec: Exec,
  options: RunOptions,
  channel: ByteChannel,
  signal: AbortSignal,
): Promise<{ exitCode: number }> {
  await startExec(parts, exec, { viewer: !options.detach, columns: options.columns, rows: options.rows })
  if (options.detach) return { exitCode: 0 }
  const { spec } = exec
  const { openStdin: stdin, openStdout: stdout, openStderr: stderr } = spec
  const attached = await openViewer(parts, exec, { stdin, stdout, stderr, from: 0 })
  if (!attached) return { exitCode: (await exec.wait()).exitCode }
  try {
    await view(channel, attached, { tty: spec.tty, stdin: spec.openStdin }, signal)
    return { exitCode: (await exec.wait()).exitCode }
  } finally {
    if (signal.aborted && spec.tty && !spec.persistent && exec.running && exec.started) parts.signal(exec.started, SIGHUP)
    closeViewer(parts, exec, attached)
  }
}

/**
 * `exec.attach`: shows a persistent session from byte `from` of its output, starting it when it has not run yet. The first 8 bytes
 * sent tell the offset of the byte that follows. Each viewer has a terminal of its own on the host.
 */
export async function attachSession(
  parts: Parts,
  exec: Exec,
  request: { from: number; columns: number; rows: number },
  channel: ByteChannel,
  signal: AbortSignal,
): Promise<{ exitCode: number }> {
  if (!exec.spec.tty) throw new GantryError('wrong_state', `exec ${exec.id.slice(0, 12)} has no terminal to attach to`)
  if (!exec.claimed) await startExec(parts, exec, { viewer: true, columns: request.columns, rows: request.rows })
  const terminal = exec.exit ? undefined : await look(exec, parts, () => parts.openTerminal(monitorDir(parts.config, exec.id), request))
  if (!terminal) {
    await channel.write(offsetHeader(request.from))
    return { exitCode: (await exec.wait()).exitCode }
  }
  exec.viewers.add(terminal)
  try {
    await channel.write(offsetHeader(terminal.startOffset))
    await viewTerminal(channel, terminal, signal)
    return { exitCode: (await exec.wait()).exitCode }
  } finally {
    closeViewer(parts, exec, terminal)
  }
}

/** `exec.resize`: through a viewer that is there, or through one for this purpose. */
export async function resizeExec(parts: Parts, exec: Exec, columns: number, rows: number): Promise<void> {
  if (!exec.running) throw new GantryError('wrong_state', `exec ${exec.id.slice(0, 12)} is not running`)
  const [viewer] = exec.viewers
  if (viewer) viewer.resize(columns, rows)
  else {
    const attached = await parts.kernel.attach(monitorDir(parts.config, exec.id), {
      stdin: false,
      stdout: false,
      stderr: false,
      from: 'end',
      columns,
      rows,
    })
    attached.detach()
  }
}

/** A viewer by pipe. Undefined when the process has ended and nothing of its output is left to see. */
export async function openViewer(
  parts: Parts,
  exec: Exec,
  options: { stdin: boolean; stdout: boolean; stderr: boolean; from: number },
): Promise<AttachChannel | undefined> {
  const open = () => parts.kernel.attach(monitorDir(parts.config, exec.id), { announced: true, ...options })
  const attached = await look(exec, parts, open)
  if (attached) exec.viewers.add(attached)
  return attached
}

/** Undefined when the monitor has gone, which it does after it has told of the end. */
async function look<T>(exec: Exec, parts: Parts, open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof GantryError && error.code === 'not_found')) throw error
    await exec.wait()
    forgetFiles(parts, exec)
    return undefined
  } finally {
    exec.viewerComing = false
  }
}

export function closeViewer(parts: Parts, exec: Exec, viewer: Viewer): void {
  exec.viewers.delete(viewer)
  if (exec.exit && exec.viewers.size === 0) forgetFiles(parts, exec)
}

function offsetHeader(offset: number): Uint8Array {
  const header = Buffer.alloc(8)
  header.writeBigUInt64BE(BigInt(offset))
  return header
}
