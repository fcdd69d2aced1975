/**
 * How the parts of the engine meet. Each interface is implemented in the folder it names and wired in engine.ts.
 * Methods of the agent's table (list, inspect, …) are on the parts themselves; here is what one part needs of another.
 */
import type { ContainerSpec, Endpoint, EngineEvent, ImageConfig, MountSpec, Op, PublishedPort, Resources, Stats } from '@gantry/contracts'

/** event/: fan-out of what happened, kept for late subscribers. */
export interface EventBus {
  emit(event: Omit<EngineEvent, 'seq' | 'boot' | 'timeNano'>): void
  /** Without `follow` it ends after what was kept. */
  subscribe(signal: AbortSignal, since?: { boot: string; seq: number }, options?: { follow?: boolean }): AsyncIterable<EngineEvent>
}

/** Everything below is told where it lives and who it is once, at wiring. */
export interface EngineConfig {
  readonly dataDir: string
  readonly runDir: string
  /** 4 hex digits, from the data folder: part of the name of every link, cgroup, table and bridge. */
  readonly instanceId: string
  /** Folder with the native programs. */
  readonly nativeDir: string
  readonly version: string
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void
}

/** image/: names to content. */
export interface ImageStore {
  /** Finds a local image as seen from a project (its own names first, then the system project's). Throws `not_found`. */
  resolve(projectId: string, reference: string): Promise<ResolvedImage>
  /**
   * A container pins its image, and those that it mounts, while it exists. Pins live in memory: at agent start the engine adds those of every container it
   * knows, before it serves `image.remove` or `image.prune`.
   */
  addUser(imageId: string, containerId: string, projectId?: string): Promise<void>
  removeUser(containerId: string): Promise<void>
}
export interface ResolvedImage {
  readonly id: string
  /** The reference to show: as asked, normalised. */
  readonly reference: string
  readonly config: ImageConfig
  /** Layers bottom first, as snapshot names (chain ids). */
  readonly layers: readonly string[]
}

/**
 * snapshot/: writable views on stacked layers. A layer is committed once and shared; a snapshot is one container's own.
 * Layers are owned by root on disk and shifted by an id-mapped mount at start.
 */
export interface Snapshotter {
  readonly driver: string
  /** Makes the container's writable folders, which hold at most `sizeBytes` when given. Idempotent. */
  prepare(containerId: string, layers: readonly string[], sizeBytes?: number): Promise<RootfsSource>
  /** Whether `sizeBytes` can be kept to here. */
  canLimit(): Promise<boolean>
  remove(containerId: string): Promise<void>
  /** Bytes in the writable layer. */
  usage(containerId: string): Promise<number>
  diff(containerId: string): Promise<{ kind: 'modified' | 'added' | 'deleted'; path: string }[]>
  /** Runs `use` with a path under which the container's files can be read by host root (for copy-up and passwd lookups), read-only. */
  withLowerView<T>(layers: readonly string[], use: (lowerDirs: readonly string[]) => Promise<T>): Promise<T>
  /** Containers that have a writable layer; one that the engine does not know is an orphan to `remove`. */
  list(): Promise<string[]>
}
/** What a container's files are made of. `lowerDirs`: what its image has, topmost first, for who looks into the image. */
export type RootfsSource = { readonly lowerDirs: readonly string[] } & (
  | { readonly kind: 'overlay'; readonly upperDir: string; readonly workDir: string }
  /** The same, put together by a program. */
  | { readonly kind: 'fuse'; readonly upperDir: string; readonly workDir: string; readonly program: string }
  /** One folder with everything in it. */
  | { readonly kind: 'tree'; readonly folder: string }
)

/** volume/: folders that outlive containers. */
export interface VolumeStore {
  /**
   * Makes missing volumes (anonymous ones get a 64-hex name labelled with the container), pins them, and returns where
   * each mount comes from. Image VOLUMEs without a mount become anonymous volumes.
   */
  resolve(request: {
    projectId: string
    containerId: string
    mounts: readonly MountSpec[]
    imageVolumes: readonly string[]
    idBase: number
    /** For mounts of images, as seen from the project. */
    resolveImage: (reference: string) => Promise<Pick<ResolvedImage, 'id' | 'layers'>>
  }): Promise<ResolvedMount[]>
  /**
   * Before each start: the mounts with what only a start decides, as where a plugin has mounted its volume. What it mounts on the host
   * stays until `detach`. Throws where a source does not pass mounts on as it was asked to.
   */
  attach(request: { projectId: string; containerId: string; mounts: readonly ResolvedMount[] }): Promise<ResolvedMount[]>
  /** After each run, also of one that failed to start. Idempotent. */
  detach(containerId: string): Promise<void>
  /** At agent start: detaches what containers left that run no longer. */
  recover(running: ReadonlySet<string>): Promise<void>
  /** Forgets the container's pins; with `removeAnonymous` removes the anonymous volumes it made. */
  release(containerId: string, removeAnonymous: boolean): Promise<void>
  /**
   * For a mount with `copyUp`: fills the volume, while it is empty and was never filled, with what the image has at `target`
   * (owners, modes, xattrs, hard links kept). Does nothing when the image has no folder there. Called before each start.
   */
  fill(request: { projectId: string; name: string; target: string; lowerDirs: readonly string[] }): Promise<void>
}
export interface ResolvedMount {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Volume name. */
  readonly name?: string
  /** Host folder or file; the image as asked for; '' for tmpfs. */
  readonly source: string
  /** Of the volume or image, opened without leaving it. */
  readonly subpath?: string
  readonly target: string
  readonly readOnly: boolean
  readonly propagation: string
  readonly recursive: boolean
  /** Absent: read-only goes for what is mounted below as well, where the kernel can; `off`: it does not; `force`: or the start fails. */
  readonly readOnlyRecursive?: 'off' | 'force'
  /** Fill the empty volume from the image at first start. */
  readonly copyUp: boolean
  /** Volumes are owned by the project's ids on disk as root's and shifted; bind mounts are passed as they are. */
  readonly idmapped: boolean
  /** Shifted where the file system can be, else passed as it is: somebody else's file systems. */
  readonly idmapOptional?: boolean
  /** Mounted in the container's namespace instead of `source`. */
  readonly fileSystem?: { readonly type: string; readonly device: string; readonly flags: readonly string[]; readonly options: string }
  /** Of an image: its layers, lowest first. */
  readonly layers?: string[]
  readonly imageId?: string
  /** Of an image, at a start: its folders, topmost first. */
  readonly lowerDirs?: readonly string[]
  readonly tmpfs?: Readonly<Omit<Extract<MountSpec, { type: 'tmpfs' }>, 'type' | 'target' | 'readOnly'>>
}

/** network/: sandboxes, endpoints, networks, addresses, ports, names. */
export interface NetworkController {
  /**
   * Gives the container a sandbox: a pair of user and network namespaces with its endpoints configured, taken warm from the pool
   * when that fits. Reserves addresses and ports, adds firewall rules and DNS names. Undone by `release`.
   */
  acquire(request: SandboxRequest): Promise<Sandbox>
  /** Gives back addresses, ports, rules, names. Idempotent; also called for containers that never started. */
  release(containerId: string): Promise<void>
  /** At agent start: keep what these running containers use, drop every other link, rule and reservation of this instance. */
  recover(running: readonly { containerId: string; pid: number }[]): Promise<void>
  endpoints(containerId: string): Endpoint[]
  ports(containerId: string): PublishedPort[]
  /** rx/tx of the container's interfaces, by name inside the container. */
  counters(containerIds: readonly string[]): Promise<Map<string, Stats['network']>>
}
export interface SandboxRequest {
  readonly containerId: string
  readonly containerName: string
  readonly projectId: string
  readonly idBase: number
  readonly spec: Pick<
    ContainerSpec,
    | 'networkMode'
    | 'endpoints'
    | 'ports'
    | 'publishAll'
    | 'exposedPorts'
    | 'dns'
    | 'dnsSearch'
    | 'dnsOptions'
    | 'extraHosts'
    | 'hostname'
    | 'domainname'
    | 'userns'
    | 'sysctls'
  >
  /** For `container:X`: its init process. */
  readonly joinPid?: number
  /** A network namespace of its own, but in this process's user namespace: that of the container whose pid namespace is joined. */
  readonly userPid?: number
}
export interface Sandbox {
  /** Operations for `StartPlan.namespaces` that enter (or make) the user and network namespaces. */
  readonly namespaceOps: readonly Op[]
  readonly endpoints: readonly Endpoint[]
  readonly ports: readonly PublishedPort[]
  /** Content of the files mounted over /etc/hosts and /etc/resolv.conf; null for container modes, which use the other's. */
  readonly hosts: string | null
  readonly resolvConf: string | null
  readonly warnings: readonly string[]
}

/** cgroup/: v1, v2 and hybrid behind one interface. Paths below are relative to each controller's mount. */
export interface Cgroups {
  readonly version: 'v1' | 'v2' | 'hybrid'
  /** Host operations that make the project's group, or bring it to these limits. */
  projectOps(projectId: string, resources: Resources): Op[]
  /** Makes the groups between the project's and the container's own, for `createOps`; `closeParent` removes those that are unused. */
  openParent(group: CgroupRef): void
  closeParent(group: CgroupRef): void
  /** Host operations that make the container's group below its project's with these limits and device rules. */
  createOps(group: CgroupRef, resources: Resources, devices: readonly DeviceRule[]): { ops: Op[]; warnings: string[] }
  /** After `createOps`: leaves the group's inside, but none of its limits, to the container whose root is `uid` (v2). */
  delegateOps(group: CgroupRef, uid: number): Op[]
  /**
   * `StartPlan.namespaces` operations that put a process into the group (one `cgroup.enter` per hierarchy). `beside`: of a delegated
   * group, into that part of it where this process is, as the group itself may take none.
   */
  enterOps(group: CgroupRef, beside?: number): Op[]
  updateOps(group: CgroupRef, before: Resources, after: Resources): { ops: Op[]; warnings: string[] }
  removeOps(group: CgroupRef): Op[]
  /** `freeze` and `thaw` wait until the kernel reports the state. */
  freeze(group: CgroupRef): Promise<void>
  thaw(group: CgroupRef): Promise<void>
  /** SIGKILL to every process, repeated until the group is empty. */
  killAll(group: CgroupRef): Promise<void>
  processes(group: CgroupRef): Promise<number[]>
  /** Number of OOM kills so far. */
  oomKills(group: CgroupRef): Promise<number>
  stats(groups: readonly CgroupRef[]): Promise<Map<string, Omit<Stats, 'name' | 'projectId' | 'network'>>>
  projectStats(projectIds: readonly string[]): Promise<Map<string, Omit<Stats, 'name' | 'projectId' | 'network'>>>
  /** Groups of this instance that exist in the kernel. */
  list(): Promise<CgroupRef[]>
  removeProject(projectId: string): Promise<void>
  /** For inspect. */
  path(group: CgroupRef): string
}
export interface CgroupRef {
  readonly projectId: string
  readonly containerId: string
  /** Group inside the project's, as asked for. */
  readonly parent?: string | undefined
  /** There may be groups of the container's own in it. */
  readonly delegated?: boolean | undefined
}
export interface DeviceRule {
  readonly allow: boolean
  /** `a` is every device */
  readonly type: 'a' | 'b' | 'c'
  /** null is `*` */
  readonly major: number | null
  readonly minor: number | null
  readonly access: string
}
