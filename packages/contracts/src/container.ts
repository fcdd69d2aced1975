import { capabilityNames } from './capability-names.ts'
import { z } from 'zod'
import { logSchema } from './log.ts'
import { absolutePathSchema, mountSchema } from './mount.ts'
import {
  containerIdSchema,
  containerNameSchema,
  containerRefSchema,
  imageRefSchema,
  networkNameSchema,
  projectIdSchema,
  signalSchema,
} from './names.ts'
import { deviceRuleSchema, resourcesSchema, resourcesUpdateSchema, ulimitSchema } from './resources.ts'

export const containerStatuses = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const
export type ContainerStatus = (typeof containerStatuses)[number]

/**
 * Which verb is allowed in which status. The engine enforces it and the panel disables buttons by it.
 * docker: start of a running container answers 304, which is the door's business, not a transition.
 */
export const transitions = {
  start: ['created', 'exited', 'dead'],
  stop: ['running', 'paused', 'restarting'],
  kill: ['running', 'paused', 'restarting'],
  restart: ['created', 'running', 'paused', 'exited', 'restarting', 'dead'],
  pause: ['running'],
  unpause: ['paused'],
  exec: ['running'],
  update: ['created', 'running', 'paused', 'exited', 'restarting'],
  rename: ['created', 'running', 'paused', 'exited', 'restarting', 'dead'],
  remove: ['created', 'exited', 'dead'],
} as const satisfies Record<string, readonly ContainerStatus[]>
export type ContainerVerb = keyof typeof transitions

/** True when `verb` may be applied to a container in `status`. */
export function can(verb: ContainerVerb, status: ContainerStatus): boolean {
  return (transitions[verb] as readonly ContainerStatus[]).includes(status)
}

const port = z.number().int().min(1).max(65535)
export const portProtocols = ['tcp', 'udp', 'sctp'] as const
export type PortProtocol = (typeof portProtocols)[number]
export const portSchema = z.strictObject({
  containerPort: port,
  protocol: z.enum(portProtocols).default('tcp'),
  /** Absent: all host addresses, IPv4 and IPv6. */
  hostAddress: z.union([z.ipv4(), z.ipv6()]).optional(),
  /** Absent: a free port is picked. */
  hostPort: port.optional(),
  /** The first free port from `hostPort` to this one is taken. */
  hostPortEnd: port.optional(),
})
export type PortSpec = z.infer<typeof portSchema>

export const endpointSpecSchema = z.strictObject({
  network: networkNameSchema,
  aliases: z
    .array(z.string().regex(/^[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,62})$/))
    .max(32)
    .default([]),
  ipv4Address: z.ipv4().optional(),
  ipv6Address: z.ipv6().optional(),
  macAddress: z
    .string()
    .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, 'must be a MAC address')
    .optional(),
  /** Further addresses of the interface, from 169.254.0.0/16 or fe80::/10. */
  linkLocalAddresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(16)
    .optional(),
  /** Other containers under names of one's own: in DNS, and on the project's default network in /etc/hosts as well. */
  links: z
    .array(z.strictObject({ container: containerRefSchema, alias: z.string().regex(/^[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,62})$/) }))
    .max(64)
    .optional(),
  /** The endpoint with the highest one has the default routes; among equals the first network by name. */
  priority: z.number().int().min(-1_000_000).max(1_000_000).optional(),
  /** `com.docker.network.endpoint.ifname` names the interface, `…endpoint.sysctls` sets its settings; others mean nothing. */
  driverOptions: z.record(z.string().min(1).max(256), z.string().max(4096)).optional(),
})
export type EndpointSpec = z.infer<typeof endpointSpecSchema>
export type EndpointSpecInput = z.input<typeof endpointSpecSchema>

/** `bridge`: the endpoints below (none given: the project's default network). */
export const networkModeSchema = z.union([z.enum(['bridge', 'host', 'none']), z.string().regex(/^container:.+$/)])

export const restartPolicySchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('no') }),
  z.strictObject({ name: z.literal('always') }),
  z.strictObject({ name: z.literal('unless-stopped') }),
  z.strictObject({ name: z.literal('on-failure'), maximumRetryCount: z.number().int().nonnegative().default(0) }),
])
export type RestartPolicy = z.infer<typeof restartPolicySchema>

const ms = z.number().int().min(1)
export const healthcheckSchema = z.strictObject({
  /** ["NONE"], ["CMD", …] or ["CMD-SHELL", line] */
  test: z.array(z.string()).min(1).max(256),
  intervalMs: ms.default(30_000),
  timeoutMs: ms.default(30_000),
  retries: z.number().int().min(1).default(3),
  startPeriodMs: z.number().int().nonnegative().default(0),
  startIntervalMs: ms.default(5_000),
})
export type Healthcheck = z.infer<typeof healthcheckSchema>

const capability = z
  .string()
  .transform((s) => s.toUpperCase().replace(/^CAP_/, ''))
  .pipe(z.enum([...capabilityNames, 'ALL']))

/** What a client asks for; the engine normalises it against image and project, and keeps the result. */
export const containerSpecSchema = z.strictObject({
  name: containerNameSchema.optional(),
  image: imageRefSchema,
  /** Replaces the image's Cmd. */
  command: z.array(z.string().max(131_072)).max(4096).optional(),
  /** Replaces the image's Entrypoint and clears its Cmd; [] clears it. */
  entrypoint: z.array(z.string().max(131_072)).max(4096).optional(),
  /** `NAME=value`; comes after the image's. `NAME` alone takes the variable of that name away. */
  env: z
    .array(
      z
        .string()
        .max(131_072)
        .regex(/^[^=\0]+(=[^\0]*)?$/, 'must be NAME=value'),
    )
    .max(4096)
    .default([]),
  labels: z.record(z.string().min(1).max(256), z.string().max(4096)).default({}),
  workingDir: absolutePathSchema.optional(),
  /** `user[:group]`, names or numbers, resolved in the container's own files. */
  user: z.string().max(256).optional(),
  groups: z.array(z.string().max(64)).max(64).default([]),
  hostname: z
    .string()
    .regex(/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62})$/, 'must be a host name of at most 63 characters')
    .optional(),
  domainname: z.string().max(64).optional(),
  tty: z.boolean().default(false),
  openStdin: z.boolean().default(false),
  stdinOnce: z.boolean().default(false),
  stopSignal: signalSchema.optional(),
  stopTimeoutSeconds: z.number().int().min(-1).max(86_400).optional(),
  restart: restartPolicySchema.default({ name: 'no' }),
  autoRemove: z.boolean().default(false),
  init: z.boolean().default(false),
  healthcheck: healthcheckSchema.optional(),
  mounts: z.array(mountSchema).max(256).default([]),
  networkMode: networkModeSchema.default('bridge'),
  endpoints: z.array(endpointSpecSchema).max(32).default([]),
  ports: z.array(portSchema).max(1024).default([]),
  /** Ports the container listens on, e.g. `80/tcp`; documentation and `-P` only. */
  exposedPorts: z
    .array(z.string().regex(/^\d{1,5}\/(tcp|udp|sctp)$/))
    .max(1024)
    .default([]),
  publishAll: z.boolean().default(false),
  dns: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(8)
    .default([]),
  dnsSearch: z.array(z.string().max(253)).max(16).default([]),
  dnsOptions: z.array(z.string().max(64)).max(16).default([]),
  /** `name:address`; address may be `host-gateway`. */
  extraHosts: z
    .array(
      z
        .string()
        .max(300)
        .regex(/^[^:\s]+:\S+$/, 'must be name:address'),
    )
    .max(256)
    .default([]),
  resources: resourcesSchema.default({}),
  ulimits: z.array(ulimitSchema).max(16).default([]),
  shmSizeBytes: z.number().int().min(4096).optional(),
  oomScoreAdj: z.number().int().min(-1000).max(1000).optional(),
  readonlyRootfs: z.boolean().default(false),
  privileged: z.boolean().default(false),
  capAdd: z.array(capability).max(64).default([]),
  capDrop: z.array(capability).max(64).default([]),
  /** `default`, `unconfined`, or a profile in docker's JSON format. */
  seccomp: z
    .string()
    .max(1024 * 1024)
    .default('default'),
  noNewPrivileges: z.boolean().default(true),
  /** false: docker's `systempaths=unconfined`. */
  maskPaths: z.boolean().default(true),
  devices: z
    .array(
      z.strictObject({
        hostPath: absolutePathSchema,
        containerPath: absolutePathSchema.optional(),
        permissions: z
          .string()
          .regex(/^[rwm]{1,3}$/)
          .default('rwm'),
      }),
    )
    .max(64)
    .default([]),
  deviceRules: z.array(deviceRuleSchema).max(64).default([]),
  sysctls: z.record(z.string().regex(/^[a-z0-9_./-]+$/i), z.string().max(256)).default({}),
  userns: z.enum(['project', 'host']).default('project'),
  pidMode: z.union([z.enum(['private', 'host']), z.string().regex(/^container:.+$/)]).default('private'),
  ipcMode: z.union([z.enum(['private', 'shareable', 'host', 'none']), z.string().regex(/^container:.+$/)]).default('private'),
  utsMode: z.enum(['private', 'host']).default('private'),
  cgroupnsMode: z.enum(['private', 'host']).default('private'),
  log: logSchema,
  /** A group inside the project's in which the container's own lies, as `web` or `/web/front`. */
  cgroupParent: z
    .string()
    .max(1024)
    .regex(
      /^\/?[a-zA-Z0-9_][\w.-]{0,63}(\/[a-zA-Z0-9_][\w.-]{0,63}){0,7}$/,
      'must be at most eight names of letters, digits, _ . - separated by /',
    )
    .optional(),
  /** The container's cgroup tree can be written inside: it divides what it was given by itself (cgroup v2). */
  writableCgroups: z.boolean().optional(),
  /** Most that the container's own layer may hold, where the storage driver can keep to it. */
  storageSizeBytes: z
    .number()
    .int()
    .min(1024 * 1024)
    .optional(),
  /** Free text for the tools around a container; kept and shown. */
  annotations: z.record(z.string().min(1).max(256), z.string().max(4096)).default({}),
  /** Volumes and bind mounts of other containers, taken over at creation where the spec has none. */
  volumesFrom: z
    .array(z.strictObject({ container: containerRefSchema, readOnly: z.boolean().default(false) }))
    .max(64)
    .default([]),
  /** `unconfined`, or the name of a loaded profile. Absent: the engine's own where AppArmor is on. */
  apparmor: z
    .string()
    .max(256)
    .regex(/^[^\s\0]+$/, 'must be the name of a profile')
    .optional(),
})
export type ContainerSpec = z.output<typeof containerSpecSchema>
export type ContainerSpecInput = z.input<typeof containerSpecSchema>

export const healthSchema = z.object({
  status: z.enum(['none', 'starting', 'healthy', 'unhealthy']),
  failingStreak: z.number().int(),
  log: z.array(z.object({ start: z.string(), end: z.string(), exitCode: z.number().int(), output: z.string() })),
})

/** Times are RFC 3339 with nanoseconds where the kernel gave them; '' means never. */
export const containerStateSchema = z.object({
  status: z.enum(containerStatuses),
  pid: z.number().int(),
  exitCode: z.number().int(),
  /** Why the last start failed, in words, or ''. */
  error: z.string(),
  oomKilled: z.boolean(),
  startedAt: z.string(),
  finishedAt: z.string(),
  restartCount: z.number().int(),
  health: healthSchema.optional(),
})
export type ContainerState = z.infer<typeof containerStateSchema>

export const publishedPortSchema = z.object({
  containerPort: z.number().int(),
  protocol: z.enum(portProtocols),
  hostAddress: z.string(),
  hostPort: z.number().int(),
})
export type PublishedPort = z.infer<typeof publishedPortSchema>

export const endpointSchema = z.object({
  networkId: z.string(),
  network: z.string(),
  aliases: z.array(z.string()),
  macAddress: z.string(),
  ipv4Address: z.string(),
  ipv4PrefixLength: z.number().int(),
  ipv4Gateway: z.string(),
  ipv6Address: z.string(),
  ipv6PrefixLength: z.number().int(),
  ipv6Gateway: z.string(),
  /** As asked for; absent: none. */
  linkLocalAddresses: z.array(z.string()).optional(),
  links: z.array(z.object({ container: z.string(), alias: z.string() })).optional(),
  priority: z.number().int().optional(),
  driverOptions: z.record(z.string(), z.string()).optional(),
})
export type Endpoint = z.infer<typeof endpointSchema>

export const containerSummarySchema = z.object({
  id: containerIdSchema,
  name: z.string(),
  projectId: projectIdSchema,
  image: z.string(),
  imageId: z.string(),
  command: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  createdAt: z.string(),
  state: containerStateSchema,
  ports: z.array(publishedPortSchema),
  networks: z.array(z.string()),
  mounts: z.array(z.string()),
  resources: resourcesSchema,
  restart: restartPolicySchema,
})
export type ContainerSummary = z.infer<typeof containerSummarySchema>

const resolvedMountSchema = z.object({
  type: z.string(),
  name: z.string().optional(),
  source: z.string(),
  target: z.string(),
  readOnly: z.boolean(),
  propagation: z.string().optional(),
})
/** A row of a list that was asked for details. */
export const containerRowSchema = containerSummarySchema.extend({
  details: z
    .object({
      endpoints: z.array(endpointSchema),
      mounts: z.array(resolvedMountSchema),
      /** As it was asked for. */
      image: z.string(),
      networkMode: networkModeSchema,
      /** What it asked for; `endpoints` are there while it runs. */
      wantedNetworks: z.array(z.string()),
      exposedPorts: z.array(z.string()),
    })
    .optional(),
  sizeRwBytes: z.number().int().optional(),
})
export type ContainerRow = z.infer<typeof containerRowSchema>

/** One finished step of a start: microseconds since the request reached the launcher. */
export const startStepSchema = z.object({ step: z.string(), startUs: z.number(), endUs: z.number() })
export type StartStep = z.infer<typeof startStepSchema>

export const containerInspectSchema = containerSummarySchema.extend({
  spec: containerSpecSchema,
  /** What runs: entrypoint and command after the image's defaults are applied. */
  args: z.array(z.string()),
  resolvedMounts: z.array(resolvedMountSchema),
  endpoints: z.array(endpointSchema),
  /** Host uid/gid that container root is; 0 with `userns: host`. */
  idBase: z.number().int(),
  logPath: z.string(),
  cgroupPath: z.string(),
  /** Of its last run: the name of a profile or `unconfined`. Absent: it never ran, or AppArmor is off. */
  apparmorProfile: z.string().optional(),
  storageDriver: z.string(),
  sizeRwBytes: z.number().int().optional(),
  lastStart: z.object({ totalUs: z.number(), steps: z.array(startStepSchema) }).optional(),
  warnings: z.array(z.string()),
})
export type ContainerInspect = z.infer<typeof containerInspectSchema>

/** What `update` may change on a running container. A limit that is null is removed. */
export const containerUpdateSchema = z.strictObject({
  resources: resourcesUpdateSchema.default({}),
  restart: restartPolicySchema.optional(),
})
export type ContainerUpdate = z.output<typeof containerUpdateSchema>
