import { type ContainerSpec, GantryError, type ImageConfig, containerDefaults } from '@gantry/contracts'

export interface NormalisedSpec {
  /** The request with the image's and docker's defaults applied. */
  readonly spec: ContainerSpec
  /** What will be executed. */
  readonly args: string[]
  readonly warnings: string[]
}

/**
 * Applies the image's configuration and docker's defaults to a request (docker: `daemon/commit.go` merge rules, `docker run`).
 * Pure. Throws `invalid_input` for combinations that docker refuses too.
 */
export function normaliseSpec(request: ContainerSpec, image: ImageConfig, containerId: string): NormalisedSpec {
  const warnings: string[] = []
  const { entrypoint, command } = mergeCommand(request, image)
  const args = [...entrypoint, ...command]
  if (args.length === 0 || args[0] === '') {
    throw new GantryError('invalid_input', `no command: neither the request nor image ${request.image} names one`, { field: 'command' })
  }
  checkConflicts(request)
  const spec: ContainerSpec = {
    ...request,
    entrypoint,
    command,
    env: mergeEnv(image.env, request.env),
    labels: { ...image.labels, ...request.labels },
    workingDir: request.workingDir ?? (image.workingDir || '/'),
    user: request.user ?? image.user,
    hostname: mergeHostname(request, containerId),
    stopSignal: request.stopSignal ?? (image.stopSignal || containerDefaults.stopSignal),
    healthcheck: mergeHealthcheck(request, image),
    exposedPorts: mergePorts(request, image),
    ports: request.ports,
    shmSizeBytes: request.shmSizeBytes ?? containerDefaults.shmSizeBytes,
    resources: { ...request.resources, pidsLimit: request.resources.pidsLimit ?? containerDefaults.pidsLimit },
    ...hostAccess(request, warnings),
  }
  if (!hasOwnNetwork(spec) && spec.ports.length > 0) {
    warnings.push('published ports are discarded when using host network mode')
    spec.ports = []
  }
  return { spec, args, warnings }
}

/** A given entrypoint replaces both; a given command replaces the image's command; `[]` clears the entrypoint only. */
function mergeCommand(request: ContainerSpec, image: ImageConfig): { entrypoint: string[]; command: string[] } {
  const asked = request.command?.length ? request.command : undefined
  if (request.entrypoint?.length) return { entrypoint: request.entrypoint, command: asked ?? [] }
  return { entrypoint: request.entrypoint ?? image.entrypoint, command: asked ?? image.command }
}

/**
 * The image's variables first, replaced in place by the request's of the same name; PATH always there; the last of a name counts.
 * A name without a value stays, as docker shows it: the start takes that variable away.
 */
export function mergeEnv(image: readonly string[], request: readonly string[]): string[] {
  const merged = new Map<string, string>()
  for (const entry of [containerDefaults.path, ...image, ...request]) merged.set(entry.split('=', 1)[0] ?? entry, entry)
  return [...merged.values()]
}

function mergeHostname(request: ContainerSpec, containerId: string): string | undefined {
  if (request.utsMode === 'host' || request.networkMode === 'host' || request.networkMode.startsWith('container:')) return request.hostname
  return request.hostname ?? containerId.slice(0, 12)
}

function mergeHealthcheck(request: ContainerSpec, image: ImageConfig): ContainerSpec['healthcheck'] {
  const check = request.healthcheck ?? image.healthcheck
  return check?.test[0] === 'NONE' ? undefined : check
}

function mergePorts(request: ContainerSpec, image: ImageConfig): string[] {
  const published = request.ports.map((port) => `${port.containerPort}/${port.protocol}`)
  const all = [...image.exposedPorts, ...request.exposedPorts, ...published].map((port) => (port.includes('/') ? port : `${port}/tcp`))
  return [...new Set(all)].filter((port) => /^\d{1,5}\/(tcp|udp|sctp)$/.test(port))
}

/** Host namespaces are owned by the host's user namespace, and privileges over the host need it: they imply `userns: host`. */
function hostAccess(request: ContainerSpec, warnings: string[]): Partial<ContainerSpec> {
  const needs =
    (request.privileged && 'privileged') ||
    (request.networkMode === 'host' && 'network mode host') ||
    (request.pidMode === 'host' && 'pid mode host') ||
    (request.ipcMode === 'host' && 'ipc mode host')
  const changes: Partial<ContainerSpec> = {}
  if (needs && request.userns === 'project') {
    warnings.push(`${needs} runs without a user namespace: container root is host root`)
    changes.userns = 'host'
  }
  if (request.privileged) {
    changes.maskPaths = false
    if (request.seccomp === 'default') changes.seccomp = 'unconfined'
  }
  return changes
}

function hasOwnNetwork(spec: ContainerSpec): boolean {
  return spec.networkMode !== 'host'
}

function checkConflicts(request: ContainerSpec): void {
  const refuse = (field: string, message: string): never => {
    throw new GantryError('invalid_input', message, { field })
  }
  if (request.autoRemove && request.restart.name !== 'no') {
    refuse('autoRemove', `automatic removal and restart policy ${request.restart.name} exclude each other`)
  }
  const { nanoCpus, cpuQuotaUs, memoryBytes, memorySwapBytes, memoryReservationBytes } = request.resources
  if (nanoCpus !== undefined && cpuQuotaUs !== undefined) refuse('resources.cpuQuotaUs', 'nanoCpus and cpuQuotaUs exclude each other')
  if (memorySwapBytes !== undefined && memorySwapBytes !== -1) {
    if (memoryBytes === undefined) refuse('resources.memorySwapBytes', 'a limit on memory and swap needs a memory limit as well')
    else if (memorySwapBytes < memoryBytes) {
      refuse('resources.memorySwapBytes', `memory and swap limit ${memorySwapBytes} is below the memory limit ${memoryBytes}`)
    }
  }
  if (memoryBytes !== undefined && memoryReservationBytes !== undefined && memoryReservationBytes > memoryBytes) {
    refuse('resources.memoryReservationBytes', `memory reservation ${memoryReservationBytes} exceeds the memory limit ${memoryBytes}`)
  }
  const targets = new Set<string>()
  for (const { target } of request.mounts) {
    const path = target.replace(/\/+$/, '') || '/'
    if (path === '/') refuse('mounts', 'a mount at / would hide the image')
    if (targets.has(path)) refuse('mounts', `two mounts at ${path}`)
    targets.add(path)
  }
  if (request.networkMode === 'bridge') return
  if (request.endpoints.length > 0) refuse('endpoints', `network mode ${request.networkMode} excludes networks`)
  if (!request.networkMode.startsWith('container:')) return
  const conflicts = { hostname: request.hostname, dns: request.dns[0], extraHosts: request.extraHosts[0], ports: request.ports[0] }
  for (const [field, value] of Object.entries(conflicts)) {
    if (value !== undefined) refuse(field, `network mode ${request.networkMode} excludes ${field}: they are the other container's`)
  }
}
