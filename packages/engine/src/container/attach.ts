import { setTimeout as delay } from 'node:timers/promises'
import { type ByteChannel, GantryError } from '@gantry/contracts'
import { view } from '../exec/view.ts'
import type { AttachChannel } from '../kernel/kernel.ts'
import { type Container, type ExitStatus, noSuchContainer } from './container.ts'
import { emit, monitorDir, type Parts } from './parts.ts'

/** Between two looks for the socket of a monitor that is being made. */
const socketSoonMs = 1

export interface AttachRequest {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** What the container said before, as far as its monitor still has it. */
  readonly logs: boolean
  readonly columns?: number
  readonly rows?: number
}

/**
 * Carries bytes between a caller and the container's main process until the process ends. Of a container that does not run yet, it
 * waits for the start and misses nothing of its output.
 */
export async function attachContainer(
  parts: Parts,
  container: Container,
  request: AttachRequest,
  channel: ByteChannel,
  signal: AbortSignal,
): Promise<ExitStatus> {
  if (container.removed) throw noSuchContainer(container.name)
  emit(parts, container, 'attach')
  const { spec } = container.record
  const stdin = request.stdin && spec.openStdin
  const from = !container.started || request.logs ? 0 : 'end'
  container.openingViewers++
  let opened: { attached: AttachChannel | undefined; exit: Promise<ExitStatus> }
  try {
    const early = container.viewersCounted ? openEarly(parts, container, { ...request, stdin, from, announced: false }) : undefined
    const run = container.started
      ? { exit: container.wait('next-exit', signal), announced: false }
      : await nextRun(parts, container, signal).catch(async (error: unknown) => {
          ;(await early)?.detach()
          throw error
        })
    // Whoever leaves early does not look at the exit.
    run.exit.catch(() => {})
    const attached = (await early) ?? (await open(parts, container, { ...request, stdin, from, announced: run.announced }))
    opened = { exit: run.exit, attached }
  } finally {
    container.openingViewers--
  }
  const { attached, exit } = opened
  if (!attached) return exit
  container.viewers.add(attached)
  try {
    await view(channel, attached, { tty: spec.tty, stdin }, signal)
  } finally {
    container.viewers.delete(attached)
  }
  return exit
}

/** Resolves at the next start, with the exit of that very run and whether its output is held for us. */
function nextRun(parts: Parts, container: Container, signal: AbortSignal): Promise<{ exit: Promise<ExitStatus>; announced: boolean }> {
  return new Promise((resolve, reject) => {
    const waiting = { announced: false }
    container.waitingViewers.add(waiting)
    const forget = container.onNextStart((error) => {
      settle()
      if (error) reject(error)
      else resolve({ exit: container.wait('next-exit', signal), announced: waiting.announced })
    })
    const onAbort = () => {
      settle()
      if (waiting.announced) callOff(parts, container)
      reject(signal.reason)
    }
    const settle = () => {
      container.waitingViewers.delete(waiting)
      forget()
      signal.removeEventListener('abort', onAbort)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
}

/** The client has left while the start it waited for was under way: the monitor hears of it as soon as there is one. */
function callOff(parts: Parts, container: Container): void {
  container.onNextStart((error) => {
    if (!error) parts.background.run('calling a viewer off', () => parts.kernel.callOff(monitorDir(parts.config, container.id)))
  })
}

/**
 * While a start is under way that has counted its viewers without this one: the monitor keeps what is said from the moment that
 * somebody connects, which its socket allows before the process begins. Undefined when the start was over first.
 */
async function openEarly(
  parts: Parts,
  container: Container,
  options: AttachRequest & { from: number | 'end'; announced: boolean },
): Promise<AttachChannel | undefined> {
  while (container.viewersCounted) {
    const attached = await open(parts, container, options)
    if (attached) return attached
    await delay(socketSoonMs)
  }
  return undefined
}

/** Undefined when the process has ended before anybody could look, which means that it said nothing. */
async function open(
  parts: Parts,
  container: Container,
  options: AttachRequest & { from: number | 'end'; announced: boolean },
): Promise<AttachChannel | undefined> {
  try {
    return await parts.kernel.attach(monitorDir(parts.config, container.id), options)
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') return undefined
    throw error
  }
}
