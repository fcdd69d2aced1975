import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { z } from 'zod'
import { execSpecSchema } from '@gantry/contracts'
import { Exec } from '../exec/exec.ts'
import { execNote } from '../exec/start-exec.ts'
import { shouldStartAtBoot } from '../health/restart-backoff.ts'
import type { ProcessExit, Started } from '../kernel/kernel.ts'
import { readExit } from '../kernel/launcher.ts'
import { readStateFile } from '../lib/atomic-file.ts'
import { rfc3339 } from '../lib/time.ts'
import type { Container } from './container.ts'
import { pinImages } from './create.ts'
import { releaseRun, runEnded, restartByPolicy } from './exit.ts'
import type { OpenEntry } from './journal.ts'
import { monitorDir, type Parts } from './parts.ts'
import { emptyTombstone, removeContainer, removeLocked, removeTraces } from './remove.ts'
import { adoptStarted } from './start.ts'

/**
 * Brings memory, disk and kernel together after the agent was away, however it went: adopts what runs, reports what ended meanwhile,
 * completes removes, undoes creates and starts that were never finished, and removes what belongs to no container. May itself be
 * killed at any point and run again. Must be over before the first request is served; restart policies begin at its end.
 */
export async function recover(parts: Parts, unfinished: readonly OpenEntry[]): Promise<void> {
  const { uncommitted } = parts.store.load()
  for (const container of parts.store.list()) {
    await pinImages(parts, container.record)
  }
  const { ended, interrupted } = await adoptAll(parts)
  await parts.network.recover(
    parts.store.list().flatMap((container) => (container.started ? [{ containerId: container.id, pid: container.started.pid }] : [])),
  )
  for (const container of parts.store.list()) if (container.started) adoptStarted(parts, container, container.started)
  await parts.volumes.recover(new Set(parts.store.list().flatMap((container) => (container.started ? [container.id] : []))))
  await sweep(parts, uncommitted, unfinished)
  await finish(parts, unfinished)
  for (const { container, exit } of ended) reportEnd(parts, container, exit)
  parts.journal.endAll()
  await removeBuildSteps(parts)
  beginRestarts(parts, interrupted)
}

interface Found {
  /** Runs that ended while nobody looked. */
  readonly ended: { container: Container; exit: ProcessExit }[]
  /** Containers that were waiting for their next automatic start. */
  readonly interrupted: Set<Container>
}

/** Connects to every monitor that a container may have. */
async function adoptAll(parts: Parts): Promise<Found> {
  mkdirSync(`${parts.config.runDir}/m`, { recursive: true, mode: 0o700 })
  const ended: Found['ended'] = []
  const interrupted: Found['interrupted'] = new Set()
  const adopt = async (container: Container) => {
    const started = await adoptMonitor(parts, container.id)
    if (started && !started.exit) {
      // Killed between the start and its note.
      if (!container.running) container.state = { ...container.state, status: 'running', startedAt: rfc3339() }
      container.started = started
      container.state.pid = started.pid
    } else if (container.state.status === 'restarting') {
      container.state.status = 'exited'
      interrupted.add(container)
    } else if (container.running) {
      const exit = started?.exit ?? (await recordedExit(parts, container)) ?? unknownExit(container.id)
      ended.push({ container, exit })
    }
  }
  await Promise.all(parts.store.list().map(adopt))
  await adoptExecs(parts)
  return { ended, interrupted }
}

async function adoptMonitor(parts: Parts, key: string): Promise<Started | null> {
  const dir = monitorDir(parts.config, key)
  return existsSync(dir) ? parts.kernel.adopt(dir) : null
}

/** The monitor's copy on the disk, for after a reboot; one from an earlier run does not count. */
async function recordedExit(parts: Parts, container: Container): Promise<ProcessExit | undefined> {
  const exit = await readExit(`${parts.store.folder(container.id)}/exit.json`)
  return exit && Date.parse(exit.finishedAt) >= Date.parse(container.state.startedAt) ? exit : undefined
}

/** The machine went down under it: nobody knows how it ended. 255 is what docker says then. */
function unknownExit(key: string): ProcessExit {
  return { key, exitCode: 255, signal: 0, oomKilled: false, finishedAt: rfc3339() }
}

const execNoteSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  containerId: z.string(),
  spec: execSpecSchema,
  startedAt: z.string(),
})

/** Execs that go on in containers that go on. What is left of others is swept with the folders. */
async function adoptExecs(parts: Parts): Promise<void> {
  const root = `${parts.config.runDir}/m`
  const adopt = async (name: string) => {
    const read = readStateFile(`${root}/${name}/${execNote}`)
    const note = execNoteSchema.safeParse(read.kind === 'value' ? read.value : undefined)
    const container = note.success ? parts.store.get(note.data.containerId) : undefined
    if (!note.success || !container?.started) return
    const started = await adoptMonitor(parts, note.data.id)
    if (!started) return
    const exec = new Exec(note.data.id, container, note.data.spec)
    exec.claimed = true
    exec.startedAt = note.data.startedAt
    exec.started = started
    if (started.exit) exec.ended(started.exit)
    parts.execs.add(exec)
  }
  await Promise.all(readdirSync(root).map(adopt))
}

/** Removes what carries the id of no container, or of none that runs. Only this instance's names are looked at. */
async function sweep(parts: Parts, uncommitted: readonly string[], unfinished: readonly OpenEntry[]): Promise<void> {
  // Anonymous volumes hold a person's data: only what never was a container, or was asked to take them along, does.
  const takesVolumes = new Set(uncommitted)
  for (const { verb, containerId } of unfinished) if (verb !== 'remove' && verb !== 'commit') takesVolumes.add(containerId)
  const tombstones = readdirSync(parts.store.root).flatMap((name) => /^([0-9a-f]{64})\.removed$/.exec(name)?.[1] ?? [])
  const layers = (await parts.snapshots.list()).filter((id) => !parts.store.get(id))
  for (const id of new Set([...uncommitted, ...tombstones, ...layers])) {
    if (parts.store.get(id)) continue
    parts.config.log('info', 'removing what an unfinished create or remove left', { container: id })
    await removeTraces(parts, id, { volumes: takesVolumes.has(id) })
    await emptyTombstone(parts, id)
  }
  for (const group of await parts.cgroups.list()) {
    if (parts.store.get(group.containerId)?.started) continue
    await parts.cgroups.killAll(group)
    await parts.kernel.ops(parts.cgroups.removeOps({ ...group, delegated: true }))
    parts.cgroups.closeParent(group)
  }
  sweepMonitorFolders(parts)
}

function sweepMonitorFolders(parts: Parts): void {
  const known = new Set<string>()
  for (const container of parts.store.list()) {
    if (!container.started) continue
    known.add(container.id.slice(0, 16))
    for (const exec of parts.execs.list(container)) if (exec.running) known.add(exec.id.slice(0, 16))
  }
  for (const name of readdirSync(`${parts.config.runDir}/m`)) {
    if (!known.has(name)) rmSync(`${parts.config.runDir}/m/${name}`, { recursive: true, force: true })
  }
}

/** Completes removes. Creates and starts have been undone by the sweep, or hold after all. */
async function finish(parts: Parts, unfinished: readonly OpenEntry[]): Promise<void> {
  for (const { verb, containerId } of unfinished) {
    const container = parts.store.get(containerId)
    if (!container) continue
    parts.config.log('info', `${verb} was interrupted`, { container: containerId })
    if (container.started) {
      // It stood still for a copy of its files.
      if (verb === 'commit' && container.state.status === 'running') await parts.cgroups.thaw(container.group)
      continue
    }
    if (verb === 'start') await releaseRun(parts, container)
    else if (verb !== 'create' && verb !== 'commit') await removeLocked(parts, container, { volumes: verb === 'remove-volumes' })
  }
}

/** Nobody waits for the builds of an earlier agent any more. */
async function removeBuildSteps(parts: Parts): Promise<void> {
  const steps = parts.store.list().filter((container) => container.record.forBuild && !container.removed)
  for (const container of steps) await removeContainer(parts, container, { force: true, volumes: true })
}

/** Tells of an end that happened while the agent was away as if it had just been seen. */
function reportEnd(parts: Parts, container: Container, exit: ProcessExit): void {
  if (container.removed) return
  // runEnded acts on a run it knows of.
  container.started = { key: container.id, pid: 0, startTicks: 0, monitorPid: 0, steps: [] }
  runEnded(parts, container, exit)
}

/** Starts what the policies want running after a restart of the agent or the machine. */
function beginRestarts(parts: Parts, interrupted: ReadonlySet<Container>): void {
  for (const container of parts.store.list()) {
    const { state, record } = container
    if (container.removed || container.started || state.status === 'restarting' || state.startedAt === '') continue
    const last = { wasRunning: interrupted.has(container), stoppedByUser: container.stoppedByUser, exitCode: state.exitCode }
    if (!shouldStartAtBoot(record.spec.restart, last)) continue
    container.stoppedByUser = false
    container.state.status = 'restarting'
    void restartByPolicy(parts, container)
  }
}
