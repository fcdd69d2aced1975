import type { Socket } from 'node:net'
import { z } from 'zod'
import { containerInspectSchema, containerSpecSchema, containerRowSchema, containerUpdateSchema, startStepSchema } from './container.ts'
import { execInspectSchema, execSpecSchema } from './exec.ts'
import { engineEventSchema } from './event.ts'
import { distributionSchema, imageInspectSchema, imageSummarySchema, progressSchema, registryAuthSchema } from './image.ts'
import {
  containerNameSchema,
  containerRefSchema,
  imageRefSchema,
  networkRefSchema,
  projectIdSchema,
  signalSchema,
  volumeNameSchema,
} from './names.ts'
import { containerPathSchema, pathStatSchema } from './archive.ts'
import { buildCacheRecordSchema, buildFields, imageChangesSchema, pruneBuildsFields } from './build.ts'
import { endpointSpecSchema } from './container.ts'
import { networkInspectSchema, networkSpecSchema } from './network.ts'
import { engineProjectSchema, policySchema, projectUsageSchema } from './project.ts'
import { doctorCheckSchema, hostInfoSchema, statsSchema } from './stats.ts'
import { volumeInspectSchema, volumeSpecSchema } from './volume.ts'

/**
 * The agent's method table: the only words spoken on agent.sock.
 *
 * - `call`: one input, one output.
 * - `stream`: one input, items until the end (JSON items of `output`).
 * - `duplex`: one input, then bytes both ways (docker's stdcopy frames where stdout and stderr are apart), then one `output`.
 *
 * Every method that names an object takes `projectId`; an object of another project is `not_found`, as if it did not exist.
 * `operationId`: repeating a call with the same id returns the first call's result instead of doing it twice.
 */
const none = z.strictObject({})
const project = { projectId: projectIdSchema }
const container = { ...project, container: containerRefSchema }
const operation = { operationId: z.string().min(8).max(64).optional() }
const filters = {
  /** `key` or `key=value`, all must match */
  labels: z.array(z.string()).optional(),
}
const logLine = z.object({ stream: z.enum(['stdout', 'stderr']), time: z.string(), text: z.string(), partial: z.boolean() })
export type LogLine = z.infer<typeof logLine>

const call = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) => ({ kind: 'call' as const, input, output })
const stream = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) => ({ kind: 'stream' as const, input, output })
const duplex = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) => ({ kind: 'duplex' as const, input, output })

const exited = z.object({ exitCode: z.number().int(), oomKilled: z.boolean(), error: z.string() })

export const agentMethods = {
  'system.info': call(none, hostInfoSchema),
  'system.doctor': call(none, z.array(doctorCheckSchema)),
  /** Events from now on, or after `since` (boot + seq) while the agent still has them; without `follow` only those it has. */
  'system.events': stream(
    z.strictObject({
      projectId: projectIdSchema.optional(),
      since: z.object({ boot: z.string(), seq: z.number().int() }).optional(),
      follow: z.boolean().default(true),
    }),
    engineEventSchema,
  ),

  /** Makes the project or changes its limits: cgroup, id range, default network. */
  'project.apply': call(engineProjectSchema, z.object({ id: projectIdSchema, idBase: z.number().int() })),
  /** Refused while the project has containers, volumes or networks of its own, unless `force`. */
  'project.remove': call(z.strictObject({ id: projectIdSchema, force: z.boolean().default(false) }), none),
  'project.list': call(none, z.array(engineProjectSchema.extend({ idBase: z.number().int() }))),
  'project.usage': call(z.strictObject({ ids: z.array(projectIdSchema).optional() }), z.array(projectUsageSchema)),
  /** Cgroup counters of the projects' own groups (sum of all containers, dead ones included). */
  'project.stats': call(z.strictObject({ ids: z.array(projectIdSchema).optional() }), z.array(statsSchema)),

  'container.create': call(
    z.strictObject({ ...project, ...operation, spec: containerSpecSchema, policy: policySchema }),
    z.object({ id: z.string(), name: z.string(), warnings: z.array(z.string()) }),
  ),
  'container.start': call(
    z.strictObject({ ...container, ...operation }),
    z.object({ id: z.string(), totalUs: z.number(), steps: z.array(startStepSchema) }),
  ),
  'container.stop': call(
    z.strictObject({ ...container, timeoutSeconds: z.number().int().min(-1).optional(), signal: signalSchema.optional() }),
    none,
  ),
  'container.kill': call(z.strictObject({ ...container, signal: signalSchema.default('SIGKILL') }), none),
  'container.restart': call(
    z.strictObject({ ...container, timeoutSeconds: z.number().int().min(-1).optional(), signal: signalSchema.optional() }),
    none,
  ),
  'container.pause': call(z.strictObject(container), none),
  'container.unpause': call(z.strictObject(container), none),
  'container.rename': call(z.strictObject({ ...container, name: containerNameSchema }), none),
  'container.update': call(z.strictObject({ ...container, update: containerUpdateSchema }), z.object({ warnings: z.array(z.string()) })),
  'container.remove': call(z.strictObject({ ...container, force: z.boolean().default(false), volumes: z.boolean().default(false) }), none),
  'container.wait': call(
    z.strictObject({ ...container, condition: z.enum(['not-running', 'next-exit', 'removed']).default('not-running') }),
    exited,
  ),
  'container.list': call(
    z.strictObject({
      projectId: projectIdSchema.optional(),
      all: z.boolean().default(true),
      ...filters,
      /** Endpoints, mounts and ports of each. */
      details: z.boolean().default(false),
      /** Bytes of each writable layer, which walks it. */
      size: z.boolean().default(false),
    }),
    z.array(containerRowSchema),
  ),
  'container.inspect': call(z.strictObject({ ...container, size: z.boolean().default(false) }), containerInspectSchema),
  /** The table of `ps -ef`, or what the host's `ps` says of the container's processes with other arguments. */
  'container.top': call(
    z.strictObject({ ...container, psArgs: z.array(z.string().min(1).max(1024)).min(1).max(64).optional() }),
    z.object({ titles: z.array(z.string()), processes: z.array(z.array(z.string())) }),
  ),
  /** Tells as an event what only the door knows that a client came through. */
  'container.tell': call(
    z.strictObject({ ...container, action: z.enum(['top', 'detach', 'exec_detach']), execId: z.string().max(64).optional() }),
    none,
  ),
  'container.diff': call(
    z.strictObject(container),
    z.array(z.object({ kind: z.enum(['modified', 'added', 'deleted']), path: z.string() })),
  ),
  /** Counters now: of the named containers, or of every running one of the project (or of all projects). */
  'container.stats': call(
    z.strictObject({ projectId: projectIdSchema.optional(), containers: z.array(containerRefSchema).optional() }),
    z.array(statsSchema),
  ),
  'container.statsStream': stream(z.strictObject({ ...container, intervalMs: z.number().int().min(200).default(1000) }), statsSchema),
  'container.logs': stream(
    z.strictObject({
      ...container,
      follow: z.boolean().default(false),
      stdout: z.boolean().default(true),
      stderr: z.boolean().default(true),
      /** RFC 3339 */
      since: z.string().optional(),
      until: z.string().optional(),
      /** last N lines; absent: all */
      tail: z.number().int().nonnegative().optional(),
    }),
    /** Batches, so that a fast log costs few messages. */
    z.object({ lines: z.array(logLine) }),
  ),
  /** Bytes both ways with the container's main process. Without a tty, output is in stdcopy frames. */
  'container.attach': duplex(
    z.strictObject({
      ...container,
      stdin: z.boolean().default(false),
      stdout: z.boolean().default(true),
      stderr: z.boolean().default(true),
      logs: z.boolean().default(false),
      columns: z.number().int().optional(),
      rows: z.number().int().optional(),
    }),
    exited,
  ),
  'container.resize': call(
    z.strictObject({ ...container, columns: z.number().int().min(1).max(1000), rows: z.number().int().min(1).max(1000) }),
    none,
  ),
  /** The operation list that a start of this spec would carry out; nothing is made. */
  'container.plan': call(z.strictObject({ ...project, spec: containerSpecSchema }), z.object({ ops: z.array(z.array(z.string())) })),
  'container.prune': call(
    z.strictObject({
      ...project,
      ...filters,
      notLabels: z.array(z.string()).optional(),
      /** RFC 3339 */
      createdBefore: z.string().optional(),
    }),
    z.object({ removed: z.array(z.string()), reclaimedBytes: z.number() }),
  ),

  /** One file or folder inside a container, running or not; links on the way are followed, a last one is not. */
  'container.archiveStat': call(z.strictObject({ ...container, path: containerPathSchema }), pathStatSchema),
  /** A tar of the file or folder comes back; its names begin with the last part of the path. */
  'container.archiveGet': duplex(z.strictObject({ ...container, path: containerPathSchema }), z.object({ bytes: z.number() })),
  /** The client sends a tar (plain, gzip, zstd, xz or bzip2) to be unpacked in the folder `path`. */
  'container.archivePut': duplex(
    z.strictObject({
      ...container,
      path: containerPathSchema,
      /** Never replace a folder by something else, nor something else by a folder. */
      noOverwriteDirNonDir: z.boolean().default(false),
      /** Everything belongs to the container's user instead of whom the tar says. */
      copyUidGid: z.boolean().default(false),
      limits: z.object({ maxBytes: z.number().int().positive() }).optional(),
    }),
    z.object({ bytes: z.number() }),
  ),
  /** A tar of the container's file system comes back, without what is mounted into it. */
  'container.export': duplex(z.strictObject(container), z.object({ bytes: z.number() })),
  /** Makes an image of the container's image and what the container wrote; `pause`: it stands still meanwhile. */
  'container.commit': call(
    z.strictObject({
      ...container,
      reference: imageRefSchema.optional(),
      author: z.string().max(1024).optional(),
      comment: z.string().max(65_536).optional(),
      pause: z.boolean().default(true),
      changes: imageChangesSchema,
      limits: z.object({ maxBytes: z.number().int().positive() }).optional(),
    }),
    z.object({ id: z.string() }),
  ),

  /** `policy` absent: a developer's. Only one with host access makes a privileged exec in a container that is not. */
  'exec.create': call(
    z.strictObject({ ...container, spec: execSpecSchema, policy: policySchema.optional() }),
    z.object({ id: z.string() }),
  ),
  /** Starts the exec and carries its bytes; with `detach` only starts it: the answer is then exit code 0 at once. */
  'exec.start': duplex(
    z.strictObject({
      ...project,
      id: z.string(),
      detach: z.boolean().default(false),
      columns: z.number().int().optional(),
      rows: z.number().int().optional(),
    }),
    z.object({ exitCode: z.number().int() }),
  ),
  /** create + start + wait of a command without input or viewer; output is cut at 64 KiB. */
  'exec.run': call(
    z.strictObject({ ...container, spec: execSpecSchema, policy: policySchema.optional(), timeoutMs: z.number().int().min(1).optional() }),
    z.object({ exitCode: z.number().int(), stdout: z.string(), stderr: z.string() }),
  ),
  'exec.resize': call(
    z.strictObject({ ...project, id: z.string(), columns: z.number().int().min(1).max(1000), rows: z.number().int().min(1).max(1000) }),
    none,
  ),
  'exec.inspect': call(z.strictObject({ ...project, id: z.string() }), execInspectSchema),
  /** Running and recently finished execs of a container, newest first. */
  'exec.list': call(z.strictObject(container), z.array(execInspectSchema)),
  'exec.kill': call(z.strictObject({ ...project, id: z.string(), signal: signalSchema.default('SIGHUP') }), none),
  /**
   * Attaches to a persistent tty exec (starting it when it has not run yet), from byte `from` of its output.
   * The first 8 bytes that come back are the big-endian offset of the byte that follows them; all later bytes are output.
   */
  'exec.attach': duplex(
    z.strictObject({
      ...project,
      id: z.string(),
      from: z.number().int().nonnegative().default(0),
      columns: z.number().int().min(1).max(1000),
      rows: z.number().int().min(1).max(1000),
    }),
    z.object({ exitCode: z.number().int() }),
  ),

  'image.list': call(
    z.strictObject({
      projectId: projectIdSchema.optional(),
      ...filters,
      /** Images without a tag, or with one. */
      dangling: z.boolean().optional(),
      /** Patterns as of a shell; only the tags that fit one are told of an image then. */
      references: z.array(z.string().max(512)).max(64).optional(),
      /** Created before, or after, these images. */
      before: imageRefSchema.optional(),
      since: imageRefSchema.optional(),
    }),
    z.array(imageSummarySchema),
  ),
  /** The project's images, and the bytes of all their layers, each counted once. */
  'image.usage': call(z.strictObject(project), z.object({ images: z.array(imageSummarySchema), layerBytes: z.number() })),
  'image.inspect': call(z.strictObject({ ...project, image: imageRefSchema }), imageInspectSchema),
  'image.pull': stream(
    z.strictObject({
      ...project,
      reference: imageRefSchema,
      auth: registryAuthSchema.optional(),
      platform: z.string().optional(),
      limits: z.object({ maxBytes: z.number().int().positive() }).optional(),
    }),
    progressSchema,
  ),
  'image.push': stream(z.strictObject({ ...project, reference: imageRefSchema, auth: registryAuthSchema.optional() }), progressSchema),
  /**
   * The client sends an OCI or docker archive (plain, gzip or zstd) by the request's raw connection, or in frames when it has none;
   * JSON lines of `loadLineSchema` come back. With `admission` (raw connection only) nothing is stored before the client has
   * answered the line `admit` with any byte.
   */
  'image.load': duplex(
    z.strictObject({
      ...project,
      limits: z.object({ maxBytes: z.number().int().positive() }).optional(),
      admission: z.boolean().default(false),
    }),
    z.object({ references: z.array(z.string()), ids: z.array(z.string()) }),
  ),
  /** The client sends a tar of a whole file system (plain or compressed), which becomes an image of one layer. */
  'image.import': duplex(
    z.strictObject({
      ...project,
      reference: imageRefSchema.optional(),
      message: z.string().max(65_536).default(''),
      changes: imageChangesSchema,
      platform: z.string().max(128).optional(),
      limits: z.object({ maxBytes: z.number().int().positive() }).optional(),
    }),
    z.object({ id: z.string() }),
  ),
  /** The client sends a build context as a tar (plain or compressed); JSON lines of `buildEventSchema` come back. */
  'image.build': duplex(
    z.strictObject({
      ...project,
      ...buildFields,
      policy: policySchema,
      /** `cacheBytes`: what the project's build cache may keep on the disk. */
      limits: z.object({ maxBytes: z.number().int().positive(), cacheBytes: z.number().int().positive().optional() }).optional(),
    }),
    /** `pulled`: images that had to be pulled for it, by their ids. */
    z.object({ id: z.string(), pulled: z.array(z.string()) }),
  ),
  /** The cached steps of the project's builds. */
  'image.buildCache': call(z.strictObject({ ...project }), z.array(buildCacheRecordSchema)),
  /** Forgets cached steps of builds. */
  'image.pruneBuilds': call(
    z.strictObject({ ...project, ...pruneBuildsFields }),
    z.object({ deleted: z.array(z.string()), reclaimedBytes: z.number() }),
  ),
  /** An archive that is an OCI layout and docker's format at once comes back. */
  'image.save': duplex(z.strictObject({ ...project, images: z.array(imageRefSchema).min(1).max(64) }), z.object({ bytes: z.number() })),
  'image.tag': call(z.strictObject({ ...project, image: imageRefSchema, reference: imageRefSchema }), none),
  'image.remove': call(
    z.strictObject({ ...project, image: imageRefSchema, force: z.boolean().default(false) }),
    z.object({ untagged: z.array(z.string()), deleted: z.array(z.string()) }),
  ),
  'image.prune': call(
    z.strictObject({
      ...project,
      ...filters,
      all: z.boolean().default(false),
      /** None of these may match. */
      notLabels: z.array(z.string()).optional(),
      /** RFC 3339: only what was created before. */
      until: z.iso.datetime({ offset: true }).optional(),
    }),
    z.object({ untagged: z.array(z.string()), deleted: z.array(z.string()), reclaimedBytes: z.number() }),
  ),

  /** Tags that a registry has of a repository. */
  'registry.tags': call(z.strictObject({ reference: imageRefSchema, auth: registryAuthSchema.optional() }), z.array(z.string())),
  'registry.inspect': call(z.strictObject({ reference: imageRefSchema, auth: registryAuthSchema.optional() }), distributionSchema),
  /** Checks credentials. A token server may give a token to keep in place of the password. */
  'registry.login': call(
    z.strictObject({ auth: registryAuthSchema.extend({ serverAddress: z.string().max(256) }) }),
    z.object({ identityToken: z.string() }),
  ),

  'network.create': call(z.strictObject({ ...project, spec: networkSpecSchema }), networkInspectSchema),
  'network.list': call(z.strictObject({ projectId: projectIdSchema.optional(), ...filters }), z.array(networkInspectSchema)),
  'network.inspect': call(z.strictObject({ ...project, network: networkRefSchema }), networkInspectSchema),
  'network.remove': call(z.strictObject({ ...project, network: networkRefSchema }), none),
  'network.connect': call(z.strictObject({ ...container, endpoint: endpointSpecSchema }), none),
  'network.disconnect': call(z.strictObject({ ...container, network: networkRefSchema, force: z.boolean().default(false) }), none),
  'network.prune': call(
    z.strictObject({
      ...project,
      ...filters,
      notLabels: z.array(z.string()).optional(),
      /** RFC 3339 */
      createdBefore: z.string().optional(),
    }),
    z.object({ removed: z.array(z.string()) }),
  ),

  /** `policy` absent: a developer's, which allows no driver and no device of the host. */
  'volume.create': call(z.strictObject({ ...project, spec: volumeSpecSchema, policy: policySchema.optional() }), volumeInspectSchema),
  'volume.list': call(
    z.strictObject({ projectId: projectIdSchema.optional(), size: z.boolean().default(false), ...filters }),
    z.array(volumeInspectSchema),
  ),
  'volume.inspect': call(z.strictObject({ ...project, volume: volumeNameSchema }), volumeInspectSchema),
  'volume.remove': call(z.strictObject({ ...project, volume: volumeNameSchema, force: z.boolean().default(false) }), none),
  /** A tar of the volume's content comes back, owners as the containers see them. */
  'volume.export': duplex(z.strictObject({ ...project, volume: volumeNameSchema }), z.object({ bytes: z.number() })),
  /** The client sends a tar, plain or compressed, which is written into an empty volume that no running container uses. */
  'volume.import': duplex(z.strictObject({ ...project, volume: volumeNameSchema }), none),
  /** A new volume with the content and labels of another one. */
  'volume.clone': call(z.strictObject({ ...project, volume: volumeNameSchema, name: volumeNameSchema }), volumeInspectSchema),
  'volume.prune': call(
    z.strictObject({ ...project, all: z.boolean().default(false), names: z.array(volumeNameSchema).optional(), ...filters }),
    z.object({ removed: z.array(z.string()), reclaimedBytes: z.number() }),
  ),
} as const

type Table = typeof agentMethods
export type AgentMethod = keyof Table
type OfKind<K> = { [M in AgentMethod]: Table[M]['kind'] extends K ? M : never }[AgentMethod]
export type CallMethod = OfKind<'call'>
export type StreamMethod = OfKind<'stream'>
export type DuplexMethod = OfKind<'duplex'>
/** What a caller passes (defaults may be left out). */
export type InputOf<M extends AgentMethod> = z.input<Table[M]['input']>
/** What a handler receives (defaults filled in). */
export type ParsedInputOf<M extends AgentMethod> = z.output<Table[M]['input']>
export type OutputOf<M extends AgentMethod> = z.output<Table[M]['output']>

/** Bytes both ways with flow control. Reading stops the peer when nobody reads; `write` resolves when more may be written. */
export interface ByteChannel {
  /** Bytes from the peer; ends at its half-close. */
  readonly incoming: AsyncIterable<Uint8Array>
  write(bytes: Uint8Array): Promise<void>
  /** Half-close: the peer's `incoming` ends, ours goes on. */
  end(): void
  /**
   * Of a `bulk` request: a connection for the client's bytes alone, raw. At the agent nothing has been read from it, so that its
   * descriptor can be given to another program; so it can at the client, which otherwise writes to it and ends it.
   */
  readonly bulk?: Promise<Socket>
}

/** The agent as its clients see it; `agent-rpc/client` makes one from a socket path. */
export interface AgentClient {
  call<M extends CallMethod>(method: M, input: InputOf<M>, options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<OutputOf<M>>
  /** Breaking out of the loop, or aborting, cancels the stream at the agent. */
  stream<M extends StreamMethod>(method: M, input: InputOf<M>, options?: { signal?: AbortSignal }): AsyncIterable<OutputOf<M>>
  duplex<M extends DuplexMethod>(
    method: M,
    input: InputOf<M>,
    /** `bulk`: a raw connection for much data goes with it. */
    options?: { signal?: AbortSignal; bulk?: boolean },
  ): { channel: ByteChannel; result: Promise<OutputOf<M>> }
  close(): void
}

/** What the engine offers: one handler per method. `signal` aborts when the caller cancels or goes away. */
export type AgentHandlers = {
  [M in CallMethod]: (input: ParsedInputOf<M>, signal: AbortSignal) => Promise<OutputOf<M>>
} & {
  [M in StreamMethod]: (input: ParsedInputOf<M>, signal: AbortSignal) => AsyncIterable<OutputOf<M>>
} & {
  [M in DuplexMethod]: (input: ParsedInputOf<M>, channel: ByteChannel, signal: AbortSignal) => Promise<OutputOf<M>>
}
