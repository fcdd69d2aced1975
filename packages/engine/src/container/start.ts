import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type ContainerSpec, GantryError } from '@gantry/contracts'
import type { Started, StartPlan } from '../kernel/kernel.ts'
import { faultPoint } from '../lib/fault.ts'
import { rfc3339 } from '../lib/time.ts'
import { UndoStack } from '../lib/undo.ts'
import type { LogReceiver } from '../plan/log.ts'
import { planStart } from '../plan/plan.ts'
import type { ResolvedMount, RootfsSource, Sandbox } from '../ports.ts'
import { type Container, noSuchContainer } from './container.ts'
import { deviceRules, hostDevices } from './device-rules.ts'
import { releaseRun, runEnded } from './exit.ts'
import { watchHealth } from './health.ts'
import { linkEnv } from './link-env.ts'
import { findReceiver } from './log-receiver.ts'
import { type Parts, emit, monitorDir } from './parts.ts'
import { removeLocked } from './remove.ts'

/**
 * Starts a container that does not run. Resolves when its process has been exec'ed.
 * Throws `wrong_state`, or what stood in the way with the step and errno in its detail; then nothing of the start is left.
 */
export async function startContainer(parts: Parts, container: Container): Promise<void> {
  await parts.locks.run(container.id, async () => {
    container.require('start')
    await startByHand(parts, container)
  })
}

/** A start that somebody asked for: the restart policy counts anew, and a container that was to be removed after its run is. */
export async function startByHand(parts: Parts, container: Container): Promise<void> {
  clearTimeout(container.restartTimer)
  container.state.restartCount = 0
  container.restartDelayMs = 0
  try {
    await startLocked(parts, container)
  } catch (error) {
    container.notify('not-running')
    if (container.record.spec.autoRemove && !container.removed) await removeLocked(parts, container, { volumes: true })
    throw error
  }
}

/** The start itself; the caller holds the container's lock and has checked its status. */
export async function startLocked(parts: Parts, container: Container): Promise<void> {
  if (container.removed) throw noSuchContainer(container.name)
  await container.cleanup
  const entry = parts.journal.begin('start', container.id)
  const undo = new UndoStack()
  const before = { ...container.state }
  container.starting = true
  try {
    container.earlyExit = undefined
    const started = await launch(parts, container, undo)
    undo.discard()
    adoptStarted(parts, container, started)
    emit(parts, container, 'start')
    container.notifyStart()
  } catch (error) {
    const failure = startFailure(error)
    await undo.run((step, cause) =>
      parts.config.log('error', 'undo of start failed', { container: container.id, step, error: String(cause) }),
    )
    container.state = { ...before, status: before.status === 'created' ? 'created' : 'exited', ...failure }
    await parts.store.saveState(container, { durable: false })
    emitFailedStart(parts, container, failure.exitCode)
    container.notifyStart(error instanceof GantryError ? error : new GantryError('internal', failure.error))
    container.notify('next-exit')
    throw error
  } finally {
    container.starting = container.viewersCounted = false
    parts.journal.end(entry)
  }
  const early = container.earlyExit as Container['earlyExit']
  if (early) runEnded(parts, container, early)
}

/** The steps: a sandbox from the network, files, then one trip to the launcher. */
async function launch(parts: Parts, container: Container, undo: UndoStack): Promise<Started> {
  const { record } = container
  const begunAt = performance.now()
  const dir = monitorDir(parts.config, record.id)
  undo.push('run', () => releaseRun(parts, container))
  const joinPid = joinedProcesses(parts, container)
  container.stoppedByUser = false
  container.state = {
    ...container.state,
    status: 'running',
    startedAt: rfc3339(),
    finishedAt: '',
    error: '',
    oomKilled: false,
    exitCode: 0,
    pid: 0,
  }
  container.apparmorProfile = await parts.apparmorProfile(record.spec)
  const saved = parts.store.saveState(container, { durable: true })
  saved.catch(() => {})
  const [sandbox, rootfs, mounts, seccompFile, receiver] = await settled([
    acquireSandbox(parts, container, joinPid),
    prepareRootfs(parts, container),
    attachMounts(parts, container),
    parts.seccompFile(record.spec),
    findReceiver(record.spec.log),
  ] as const)
  faultPoint('start.network')
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const plan = decideStart(parts, container, { sandbox, rootfs, mounts, seccompFile, receiver, joinPid, dir })
  faultPoint('start.files')
  // The state reaches the disk while the kernel works; a crash between the two is settled by the monitor that recovery finds.
  const [started] = await settled([parts.kernel.start(plan), saved] as const)
  faultPoint('start.running')
  container.lastStart = { totalUs: Math.round((performance.now() - begunAt) * 1000), steps: [...started.steps] }
  return started
}

interface Decided {
  sandbox: Sandbox
  rootfs: RootfsSource
  mounts: readonly ResolvedMount[]
  seccompFile: string | null
  receiver: LogReceiver | undefined
  joinPid: JoinedProcesses
  dir: string
}

function decideStart(parts: Parts, container: Container, decided: Decided): StartPlan {
  const { sandbox, rootfs, mounts, seccompFile, receiver, joinPid, dir } = decided
  const { record } = container
  const folder = parts.store.folder(record.id)
  const rules = deviceRules(record.spec)
  parts.cgroups.openParent(container.group)
  const cgroup = parts.cgroups.createOps(container.group, record.spec.resources, rules)
  return planStart({
    containerId: record.id,
    spec: {
      ...record.spec,
      env: [...linkEnv(parts, container), ...record.spec.env],
      devices: hostDevices(record.spec.devices),
      apparmor: container.apparmorProfile || undefined,
    },
    image: { entrypoint: [], command: record.args, env: [], user: '', workingDir: '' },
    rootfs,
    mounts,
    sandbox,
    cgroupOps: [...cgroup.ops, ...(container.group.delegated ? parts.cgroups.delegateOps(container.group, record.idBase) : [])],
    cgroupEnterOps: parts.cgroups.enterOps(container.group),
    seccompFile,
    nativeDir: parts.config.nativeDir,
    monitorDir: dir,
    files: filesOfJoined(parts, record.spec) ?? writeFiles(folder, record.spec.hostname, sandbox),
    logPath: `${folder}/log/container.log`,
    logged: { name: record.name, image: record.image, receiver },
    exitFile: `${folder}/exit.json`,
    announcedViewers: container.announceViewers(),
    joinPid,
    covers: parts.covers(),
    hostCapabilities: parts.hostCapabilities,
  })
}

/** In another container's network the three files are that one's, and change with it. */
function filesOfJoined(parts: Parts, { networkMode }: ContainerSpec) {
  const other = networkMode.startsWith('container:') && parts.store.get(networkMode.slice('container:'.length))
  if (!other) return null
  const file = (name: string) => {
    const path = `${parts.store.folder(other.id)}/${name}`
    return existsSync(path) ? path : null
  }
  return { hosts: file('hosts'), hostname: file('hostname'), resolvConf: file('resolv.conf') }
}

/** /etc/hosts, /etc/hostname and /etc/resolv.conf; null leaves the image's. They are told anew at each start, so nothing is flushed. */
function writeFiles(folder: string, hostname: string | undefined, sandbox: Sandbox) {
  const write = (name: string, content: string | null): string | null => {
    if (content === null) return null
    const path = `${folder}/${name}`
    writeFileSync(path, content, { mode: 0o644 })
    return path
  }
  return {
    hosts: write('hosts', sandbox.hosts),
    hostname: write('hostname', hostname === undefined ? null : `${hostname}\n`),
    resolvConf: write('resolv.conf', sandbox.resolvConf),
  }
}

function acquireSandbox(parts: Parts, container: Container, joined: JoinedProcesses): Promise<Sandbox> {
  const { record } = container
  return parts.network.acquire({
    containerId: record.id,
    containerName: record.name,
    projectId: record.projectId,
    idBase: record.idBase,
    spec: record.spec,
    joinPid: joined.network,
    // Procfs of a pid namespace can be mounted only in the user namespace that owns it (user_namespaces(7)).
    userPid: record.spec.userns === 'host' ? undefined : joined.pid,
  })
}

/** The container's layers, and its volumes with what the image has for them. */
export async function prepareRootfs(parts: Parts, container: Container): Promise<RootfsSource> {
  const { record } = container
  container.rootfs ??= await parts.snapshots.prepare(record.id, record.image.layers, record.spec.storageSizeBytes)
  for (const mount of record.mounts) {
    if (!mount.copyUp || mount.name === undefined) continue
    const { name, target } = mount
    await parts.volumes.fill({ projectId: record.projectId, name, target, lowerDirs: container.rootfs.lowerDirs })
  }
  return container.rootfs
}

/** The container's mounts with what is known only now: where plugins have them, and the folders of images. */
async function attachMounts(parts: Parts, container: Container): Promise<ResolvedMount[]> {
  const { projectId, mounts } = container.record
  const attached = await parts.volumes.attach({ projectId, containerId: container.id, mounts })
  return Promise.all(
    attached.map(async (mount) => {
      if (mount.layers === undefined) return mount
      return parts.snapshots.withLowerView(mount.layers, async (lowerDirs) => ({ ...mount, lowerDirs }))
    }),
  )
}

interface JoinedProcesses {
  readonly network?: number
  readonly pid?: number
  readonly ipc?: number
}

/** Init processes of the containers whose namespaces are joined. Throws `wrong_state` when one does not run. */
function joinedProcesses(parts: Parts, container: Container): JoinedProcesses {
  const { spec, projectId } = container.record
  const pidOf = (mode: string): number | undefined => {
    if (!mode.startsWith('container:')) return undefined
    const other = parts.store.find(projectId, mode.slice('container:'.length))
    if (other.started) return other.started.pid
    throw new GantryError('wrong_state', `cannot join a namespace of container ${other.name}: it is ${other.state.status}`, {
      value: other.state.status,
      remedy: 'start it first',
    })
  }
  return { network: pidOf(spec.networkMode), pid: pidOf(spec.pidMode), ipc: pidOf(spec.ipcMode) }
}

/** The process runs: from a start, or found by recovery. */
export function adoptStarted(parts: Parts, container: Container, started: Started): void {
  container.started = started
  container.state.status = 'running'
  container.state.pid = started.pid
  parts.network.started(container.id, started.pid)
  watchHealth(parts, container)
}

/** As docker reports it: 127 no such command, 126 not executable, 128 otherwise. */
function startFailure(error: unknown): { exitCode: number; error: string; pid: number; finishedAt: string } {
  const detail = error instanceof GantryError ? error.detail : {}
  const exec = detail.step?.startsWith('exec') === true
  const exitCode = exec && (detail.errno === 'ENOENT' || detail.errno === 'ENOTDIR') ? 127 : exec ? 126 : 128
  return { exitCode, error: error instanceof Error ? error.message : String(error), pid: 0, finishedAt: rfc3339() }
}

function emitFailedStart(parts: Parts, container: Container, exitCode: number): void {
  emit(parts, container, 'die', { exitCode: String(exitCode), execDuration: '0' })
}

/** Waits for all, also when one fails, so that an undo finds nothing still under way; then throws the first failure. */
async function settled<T extends readonly Promise<unknown>[]>(work: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(work)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw (failed as PromiseRejectedResult).reason
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as { -readonly [K in keyof T]: Awaited<T[K]> }
}
