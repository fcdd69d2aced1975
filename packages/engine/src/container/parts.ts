import type { ContainerSpec, EngineEvent } from '@gantry/contracts'
import type { ExecStore } from '../exec/exec.ts'
import type { GroupTree } from '../cgroup/cgroups.ts'
import type { Cover } from '../host/lxcfs.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Terminal } from '../kernel/terminal.ts'
import type { Background } from '../lib/background.ts'
import type { KeyedLock } from '../lib/keyed-lock.ts'
import type { NetworkEngine } from '../network/network-engine.ts'
import type { EngineConfig, EventBus, ImageStore, Snapshotter, VolumeStore } from '../ports.ts'
import type { Container } from './container.ts'
import type { Journal } from './journal.ts'
import type { ContainerStore } from './store.ts'

/** What the verbs are made of: the engine's other parts, and what all verbs share. Each verb names the ones it uses. */
export interface Parts {
  readonly config: EngineConfig
  readonly kernel: Kernel
  readonly cgroups: GroupTree
  readonly network: NetworkEngine
  readonly images: ImageStore
  readonly snapshots: Snapshotter
  readonly volumes: VolumeStore
  readonly events: EventBus
  readonly store: ContainerStore
  readonly execs: ExecStore
  readonly journal: Journal
  /** One holder per container id. */
  readonly locks: KeyedLock
  /** Cleaning up that nobody waits for. */
  readonly background: Background
  /** Throws `not_found` for a project that was never applied. */
  readonly idBase: (projectId: string) => number
  /** File with the compiled filter; null runs unconfined. Throws `invalid_input` for a profile that cannot be compiled. */
  readonly seccompFile: (spec: ContainerSpec) => Promise<string | null>
  /** AppArmor profile to start with; '' where there is none to be had. */
  readonly apparmorProfile: (spec: Pick<ContainerSpec, 'apparmor' | 'privileged'>) => Promise<string>
  /** Whether containers are confined by AppArmor unless they ask not to be. */
  readonly confines: () => boolean
  /** A terminal on a monitor, for one viewer. Rejects with `not_found` when the monitor has gone. */
  readonly openTerminal: (monitorDir: string, options: { from: number; columns: number; rows: number }) => Promise<Terminal>
  readonly hostCapabilities: readonly string[]
  /** What LXCFS offers now to lay over a container's procfs and sysfs. */
  readonly covers: () => readonly Cover[]
  /** Whether the data folder's file system can be mounted with shifted ids: ext4, xfs, btrfs; tmpfs from Linux 6.3 on. */
  readonly canShiftIds: boolean
  /** Sends a signal to exactly this process; false when it is gone. */
  readonly signal: (process: { pid: number; startTicks: number }, signal: number) => boolean
}

/** Emits a container event in docker's words: image, name and every label are attributes. */
export function emit(parts: Pick<Parts, 'events'>, container: Container, action: string, attributes: EngineEvent['attributes'] = {}): void {
  const { record } = container
  parts.events.emit({
    type: 'container',
    action,
    id: record.id,
    projectId: record.projectId,
    attributes: { ...record.spec.labels, image: record.spec.image, name: record.name, ...attributes },
  })
}

/** Short folder for the monitor's socket: unix socket paths are limited to 107 bytes. */
export function monitorDir(config: EngineConfig, key: string): string {
  return `${config.runDir}/m/${key.slice(0, 16)}`
}
