import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { developerPolicy, type ExecSpec, GantryError, type Policy } from '@gantry/contracts'
import type { Container } from '../container/container.ts'
import { emit, monitorDir, type Parts } from '../container/parts.ts'
import type { ProcessExit } from '../kernel/kernel.ts'
import { replaceFileSync } from '../lib/atomic-file.ts'
import { faultPoint } from '../lib/fault.ts'
import { rfc3339 } from '../lib/time.ts'
import { planExec } from '../plan/plan.ts'
import { Exec } from './exec.ts'

/** Beside the monitor's socket: what recovery needs to know of an exec that goes on. */
export const execNote = 'exec.json'

/** Notes that a command is to run in the container. Throws `wrong_state` when the container does not run, `forbidden` by policy. */
export function createExec(parts: Parts, container: Container, spec: ExecSpec, policy: Policy = developerPolicy): Exec {
  container.require('exec')
  if (spec.privileged && !container.record.spec.privileged && !policy.hostAccess) {
    throw new GantryError('forbidden', `privileged: container ${container.name} is not privileged, and an exec may not have more than it`, {
      field: 'privileged',
      value: 'true',
      remedy: 'leave it out, or ask a host administrator',
    })
  }
  const exec = new Exec(randomBytes(32).toString('hex'), container, spec)
  parts.execs.add(exec)
  emit(parts, container, `exec_create: ${spec.command.join(' ')}`, { execID: exec.id })
  return exec
}

/**
 * Starts the exec's process with the container's identity, limits and filter. `viewer`: the caller attaches at once and wants the
 * first byte. Throws `wrong_state` when it was started before or the container does not run.
 */
export async function startExec(parts: Parts, exec: Exec, options: { viewer: boolean; columns?: number; rows?: number }): Promise<void> {
  const { container } = exec
  container.require('exec')
  if (exec.claimed) throw new GantryError('wrong_state', `exec ${exec.id.slice(0, 12)} has been started already`)
  const init = container.started
  if (!init) throw new GantryError('wrong_state', `cannot exec in container ${container.name}: it is starting`)
  exec.claimed = true
  exec.viewerComing = options.viewer
  const dir = monitorDir(parts.config, exec.id)
  try {
    const seccompFile = exec.spec.privileged ? null : await parts.seccompFile(container.record.spec)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    replaceFileSync(`${dir}/${execNote}`, { version: 1, id: exec.id, containerId: container.id, spec: exec.spec, startedAt: rfc3339() })
    faultPoint('exec.files')
    exec.startedAt = rfc3339()
    const started = await parts.kernel.start(
      planExec({
        execId: exec.id,
        spec: { ...exec.spec, columns: options.columns ?? exec.spec.columns, rows: options.rows ?? exec.spec.rows },
        container: { ...container.record.spec, apparmor: container.apparmorProfile || undefined },
        image: { entrypoint: [], command: [], env: [], user: '', workingDir: '' },
        pid: init.pid,
        startTicks: init.startTicks,
        cgroupEnterOps: parts.cgroups.enterOps(container.group, init.pid),
        seccompFile,
        monitorDir: dir,
        announcedViewers: options.viewer ? 1 : 0,
        hostCapabilities: parts.hostCapabilities,
      }),
    )
    exec.started = started
    faultPoint('exec.running')
  } catch (error) {
    exec.ended({ key: exec.id, exitCode: failedExitCode(error), signal: 0, oomKilled: false, finishedAt: rfc3339() })
    forgetFiles(parts, exec)
    throw error
  }
  emit(parts, container, `exec_start: ${exec.spec.command.join(' ')}`, { execID: exec.id })
  if (exec.exit) reportEnd(parts, exec, exec.exit)
}

/** The kernel reports the end of an exec's process. */
export function execEnded(parts: Parts, exec: Exec, exit: ProcessExit): void {
  const early = exec.started === undefined
  exec.ended(exit)
  // Told before the start was: startExec reports both in order.
  if (!early) reportEnd(parts, exec, exit)
}

function reportEnd(parts: Parts, exec: Exec, exit: ProcessExit): void {
  emit(parts, exec.container, 'exec_die', { execID: exec.id, exitCode: String(exit.exitCode) })
  if (exec.viewers.size === 0 && !exec.viewerComing) forgetFiles(parts, exec)
}

/** The monitor's folder with the note for recovery. With viewers still reading, the last of them does it. */
export function forgetFiles(parts: Parts, exec: Exec): void {
  parts.background.run('removing the files of an exec', () => parts.kernel.ops([['rmtree', monitorDir(parts.config, exec.id)]]))
}

/** As a shell: 127 no such command, 126 cannot be executed. */
function failedExitCode(error: unknown): number {
  const errno = error instanceof GantryError && error.detail.step?.startsWith('exec') ? error.detail.errno : undefined
  return errno === 'ENOENT' || errno === 'ENOTDIR' ? 127 : 126
}
