import type { ExecSpec, Policy } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'
import type { Container } from '../container/container.ts'
import type { Parts } from '../container/parts.ts'
import { aborted } from '../lib/deadline.ts'
import type { Exec } from './exec.ts'
import { closeViewer, openViewer } from './attach-exec.ts'
import { createExec, startExec } from './start-exec.ts'

/** Bytes of each stream that are kept. */
const outputBytes = 64 * 1024
const SIGKILL = 9

export interface RunResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** `exec.run`: runs a command to its end and collects what it says. When `signal` aborts, the process is killed. */
export async function runExec(
  parts: Parts,
  container: Container,
  { spec, policy }: { spec: ExecSpec; policy?: Policy },
  signal: AbortSignal,
): Promise<RunResult> {
  const exec = createExec(parts, container, spec, policy)
  await startExec(parts, exec, { viewer: true })
  try {
    return await Promise.race([collect(parts, exec), aborted(signal)])
  } finally {
    if (exec.running && exec.started) parts.signal(exec.started, SIGKILL)
  }
}

async function collect(parts: Parts, exec: Exec): Promise<RunResult> {
  const attached = await openViewer(parts, exec, { stdin: false, stdout: true, stderr: true, from: 0 })
  if (!attached) return { exitCode: (await exec.wait()).exitCode, stdout: '', stderr: '' }
  const streams = { stdout: new Collector(), stderr: new Collector() }
  try {
    for await (const { stream, bytes } of attached.output) streams[stream].add(bytes)
    const { exitCode } = await exec.wait()
    return { exitCode, stdout: streams.stdout.text(), stderr: streams.stderr.text() }
  } finally {
    attached.detach()
    closeViewer(parts, exec, attached)
  }
}

class Collector {
  readonly #chunks: Uint8Array[] = []
  #bytes = 0

  add(bytes: Uint8Array): void {
    if (this.#bytes >= outputBytes) return
    const kept = bytes.slice(0, outputBytes - this.#bytes)
    this.#chunks.push(kept)
    this.#bytes += kept.length
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}

/** A deadline in milliseconds as a signal, together with the caller's. */
export function deadlineSignal(what: string, ms: number | undefined, signal: AbortSignal): { signal: AbortSignal; clear: () => void } {
  if (ms === undefined) return { signal, clear: () => {} }
  const own = new AbortController()
  const timer = setTimeout(
    () => own.abort(new GantryError('timeout', `${what} did not end within ${ms} ms and was killed`)),
    Math.min(ms, 2 ** 31 - 1),
  )
  return { signal: AbortSignal.any([signal, own.signal]), clear: () => clearTimeout(timer) }
}
