import { mkdirSync } from 'node:fs'
import { type AgentHandlers, DEFAULT_PROJECT } from '@gantry/contracts'
import { archiveHandlers } from './archive/handlers.ts'
import { BuildCache } from './build/build-cache.ts'
import type { PullImage } from './build/build-image.ts'
import { buildHandlers } from './build/handlers.ts'
import { createCgroups } from './cgroup/cgroups.ts'
import { runEnded } from './container/exit.ts'
import { containerHandlers } from './container/handlers.ts'
import { Journal } from './container/journal.ts'
import { networkHandlers } from './container/network-handlers.ts'
import type { Parts } from './container/parts.ts'
import { recover } from './container/recover.ts'
import { renewCovers } from './container/renew-covers.ts'
import { ContainerStore } from './container/store.ts'
import { doctor } from './doctor/doctor.ts'
import { createEventBus } from './event/event-bus.ts'
import { ExecStore } from './exec/exec.ts'
import { execHandlers } from './exec/handlers.ts'
import { execEnded } from './exec/start-exec.ts'
import { AppArmor } from './host/apparmor.ts'
import { hostInfo } from './host/host-info.ts'
import { Lxcfs } from './host/lxcfs.ts'
import { createImages, type Images } from './image/images.ts'
import { type Archiver, createArchiver } from './kernel/archiver.ts'
import type { Kernel } from './kernel/kernel.ts'
import { createLauncher } from './kernel/launcher.ts'
import { rootCapabilities } from './kernel/proc.ts'
import { SeccompCache } from './kernel/seccomp.ts'
import { findJournalctl } from './kernel/journal.ts'
import { signalProcess } from './kernel/signal.ts'
import { openTerminal } from './kernel/terminal.ts'
import { createUnpacker } from './kernel/unpack.ts'
import { Background } from './lib/background.ts'
import { KeyedLock } from './lib/keyed-lock.ts'
import { createNetworkController } from './network/controller.ts'
import type { EngineConfig } from './ports.ts'
import { ProjectStore } from './project/project-store.ts'
import { projectHandlers } from './project/projects.ts'
import { openStorage } from './snapshot/storage.ts'
import type { StorageDriver } from './snapshot/storage-driver.ts'
import { createVolumes, type Volumes } from './volume/volumes.ts'

export interface Engine {
  /** One handler per method of the agent's table. */
  readonly handlers: AgentHandlers
  /** Leaves; containers go on running. */
  close(): Promise<void>
}

export interface EngineOptions {
  /** `host[:port]` of registries on private addresses that may be used. */
  readonly privateRegistries?: readonly string[]
  /** Absent: what the data folder was made with, overlay2 for a new one. */
  readonly storageDriver?: StorageDriver | undefined
  /** Where LXCFS is mounted when it runs; absent: it is not looked for. */
  readonly lxcfs?: string | undefined
}

/** Wires the engine's parts, recovers what an earlier life left, and offers the agent's methods. */
export async function createEngine(config: EngineConfig, options: EngineOptions = {}): Promise<Engine> {
  mkdirSync(config.dataDir, { recursive: true })
  const kernel = createLauncher(config)
  const events = createEventBus()
  const projects = new ProjectStore(config.dataDir, config.instanceId)
  const cgroups = createCgroups({ config, kernel })
  const network = createNetworkController({ config, kernel, events })
  const unpacker = createUnpacker(config)
  const archiver = createArchiver({ ...config, scratchDir: scratchFolder(config) })
  const { layers, snapshots } = await openStorage({ config, unpacker, kernel, driver: options.storageDriver })
  const cache = new BuildCache(`${config.dataDir}/build`, config.log)
  const kept = { isKept: (id: string) => cache.has(id), keptLayers: (projectId: string) => cache.layers(projectId) }
  const images = await createImages({ config, events, layers, unpacker, ...kept, privateRegistries: options.privateRegistries })
  const store = new ContainerStore(config.dataDir, config.log)
  const volumes = await createVolumes({ config, events, unpacker, archiver, kernel, containerName: (id) => store.get(id)?.name })
  const seccomp = new SeccompCache(config)
  const { journal, unfinished } = Journal.open(`${config.dataDir}/journal`)
  const apparmor = await AppArmor.open(config)
  const lxcfs = options.lxcfs
    ? await Lxcfs.open({ path: options.lxcfs, onRenewed: (covers) => renewCovers({ store, kernel, config }, covers) })
    : undefined
  const parts: Parts = {
    ...{ config, kernel, cgroups, network, images, snapshots, volumes, events, journal, store },
    execs: new ExecStore(),
    locks: new KeyedLock(),
    background: new Background((what, error) => config.log('error', `${what} failed`, { error: String(error) })),
    idBase: (projectId) => projects.get(projectId).idBase,
    seccompFile: rememberFilters(seccomp),
    confines: () => apparmor.isUsable,
    apparmorProfile: (spec) => apparmor.profileFor(spec),
    openTerminal: (monitorDir, options) => openTerminal({ nativeDir: config.nativeDir, monitorDir, ...options }),
    hostCapabilities: rootCapabilities(),
    covers: () => lxcfs?.covers ?? [],
    canShiftIds: await canShiftIds(config, kernel),
    signal: signalProcess,
  }
  kernel.onExit((exit) => {
    const container = parts.store.get(exit.key)
    if (container) runEnded(parts, container, exit)
    const exec = parts.execs.get(exit.key)
    if (exec) execEnded(parts, exec, exit)
  })
  await applyProjects(parts, projects)
  await recover(parts, unfinished)
  await lxcfs?.watch()
  return {
    handlers: allHandlers(parts, projects, { images, volumes, archiver, cache, lxcfs: options.lxcfs }),
    async close() {
      for (const container of parts.store.list()) {
        container.prober?.stop()
        clearTimeout(container.restartTimer)
      }
      lxcfs?.close()
      await parts.background.settled()
      await network.close()
      await kernel.close()
      await apparmor.close()
      journal.close()
    },
  }
}

/** A start must not put a profile together only to learn that its filter is there. */
function rememberFilters(seccomp: SeccompCache): Parts['seccompFile'] {
  const known = new Map<string, string | null>()
  return async (spec) => {
    // Profiles of one's own are long and rare.
    if (spec.seccomp !== 'default' && spec.seccomp !== 'unconfined') return seccomp.fileFor(spec)
    const key = JSON.stringify([spec.seccomp, spec.privileged, spec.capAdd, spec.capDrop])
    const file = known.get(key) ?? (await seccomp.fileFor(spec))
    known.set(key, file)
    return file
  }
}

/** Project groups do not survive a reboot; the host administrator's own project is always there. */
async function applyProjects(parts: Parts, projects: ProjectStore): Promise<void> {
  if (!projects.has(DEFAULT_PROJECT)) await projects.put({ id: DEFAULT_PROJECT, resources: {} })
  for (const project of projects.list()) {
    try {
      await parts.kernel.ops(parts.cgroups.projectOps(project.id, project.resources))
    } catch (error) {
      // A disk or cpu of its limits may be gone; the others' containers must be looked after all the same.
      parts.config.log('error', `limits of project ${project.id} cannot be applied`, { error: String(error) })
    }
  }
}

/** Asked once: without it the layers' files would belong to nobody in a container that has ids of its own. */
async function canShiftIds(config: EngineConfig, kernel: Kernel): Promise<boolean> {
  const [answer] = await kernel.ops([['probe', 'idmap', config.dataDir]])
  if (answer === 'ok') return true
  config.log('warn', 'the data folder cannot be mounted with shifted ids: containers run with the ids of the host', {
    data: config.dataDir,
    errno: answer,
    remedy: 'put GANTRY_DATA on ext4, xfs or btrfs',
  })
  return false
}

/** Where a process of its own mount namespace puts layers together; nothing is ever seen in it from outside. */
function scratchFolder(config: EngineConfig): string {
  const folder = `${config.runDir}/scratch`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

interface Stores {
  readonly images: Images
  readonly volumes: Volumes
  readonly archiver: Archiver
  readonly cache: BuildCache
  /** Where it is looked for. */
  readonly lxcfs: string | undefined
}

function allHandlers(parts: Parts, projects: ProjectStore, { images, volumes, archiver, cache, lxcfs }: Stores): AgentHandlers {
  return {
    ...systemHandlers(parts, images, lxcfs),
    ...projectHandlers(parts, projects, { images: withoutCache(images, cache), volumes }),
    ...containerHandlers(parts),
    ...archiveHandlers(parts, archiver),
    ...buildHandlers({ parts, archiver, cache, making: images.making, pull: pullOf(images) }),
    ...execHandlers(parts),
    ...images.handlers,
    ...networkHandlers(parts),
    ...volumes.handlers,
  }
}

/** A project that goes takes its cached steps along. */
function withoutCache(images: Images, cache: BuildCache): Pick<Images, 'usage' | 'removeProject'> {
  return {
    usage: images.usage,
    async removeProject(projectId) {
      cache.forget(
        projectId,
        cache.entries(projectId).map(([key]) => key),
      )
      await cache.written()
      await images.removeProject(projectId)
    },
  }
}

/** A pull as a build asks for it. */
function pullOf(images: Images): PullImage {
  return ({ signal, ...input }) => images.handlers['image.pull'](input, signal)
}

function systemHandlers(
  parts: Parts,
  images: Images,
  lxcfs: string | undefined,
): Pick<AgentHandlers, 'system.info' | 'system.doctor' | 'system.events'> {
  const { config, kernel, cgroups, snapshots, store } = parts
  return {
    'system.info': async () => {
      const found = await images.handlers['image.list']({}, new AbortController().signal)
      const counts = () => ({
        containers: store.list().length,
        containersRunning: store.list().filter((container) => container.running).length,
        images: new Set(found.map((image) => image.id)).size,
      })
      return hostInfo({ config, cgroups, storageDriver: snapshots.driver, appArmor: parts.confines(), counts })
    },
    'system.doctor': () => doctor({ config, kernel, lxcfs: { path: lxcfs, covers: parts.covers().length }, journalctl: findJournalctl() }),
    'system.events': (input, signal) => filtered(parts.events.subscribe(signal, input.since, input), input.projectId),
  }
}

async function* filtered<T extends { projectId: string }>(events: AsyncIterable<T>, projectId: string | undefined): AsyncIterable<T> {
  for await (const event of events) if (projectId === undefined || event.projectId === projectId) yield event
}
