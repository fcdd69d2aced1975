import { type ContainerSpec, containerSpecSchema, GantryError, invalidInput } from '@gantry/contracts'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { optional, refuseUnknown, refuseValue, texts, textMap, word, yes } from './create/fields.ts'
import { healthcheckSchema, lifecycleFields, toHealthcheck, toLifecycle } from './create/lifecycle.ts'
import { mountFields, toMounts } from './create/mounts.ts'
import { networkFields, networkingSchema, toNetwork } from './create/network.ts'
import { processFields, resourceFields, toProcessLimits, toResources } from './create/resources.ts'
import { securityFields, type SecurityDefaults, toSecurity } from './create/security.ts'

const hostConfigSchema = z.looseObject({
  ...resourceFields,
  ...processFields,
  ...mountFields,
  ...networkFields,
  ...securityFields,
  ...lifecycleFields,
  /** How this container is run: there is one way. */
  Runtime: word,
  Isolation: word,
  Annotations: textMap,
  /** `CONTAINER[:ro|rw]` */
  VolumesFrom: texts,
  CgroupParent: word,
  StorageOpt: textMap,
  DeviceRequests: optional(z.array(z.looseObject({ Driver: word, Capabilities: optional(z.array(z.array(z.string()))) }))),
})

/** Fields that clients send and that say nothing about the container: a client's window, its own files, limits of former kernels. */
const meaningless: readonly string[] = ['ConsoleSize', 'ContainerIDFile', 'KernelMemory', 'KernelMemoryTCP']

/** One word or a list of them. */
const command = optional(z.union([z.array(z.string()), z.string().transform((text) => (text === '' ? [] : [text]))]))

/** Body of POST /containers/create. What is not known of `Config` is let through, as Docker does: it reaches nothing. */
export const createBodySchema = z.object({
  Image: word,
  Cmd: command,
  Entrypoint: command,
  Env: texts,
  Labels: textMap,
  WorkingDir: word,
  User: word,
  Hostname: word,
  Domainname: word,
  Tty: yes,
  OpenStdin: yes,
  StdinOnce: yes,
  StopSignal: word,
  StopTimeout: optional(z.number().int()),
  Healthcheck: healthcheckSchema,
  ExposedPorts: optional(z.record(z.string(), z.unknown())),
  Volumes: optional(z.record(z.string(), z.unknown())),
  MacAddress: word,
  NetworkDisabled: yes,
  HostConfig: z.preprocess((value) => value ?? {}, hostConfigSchema),
  NetworkingConfig: networkingSchema,
})
export type CreateBody = z.output<typeof createBodySchema>

/** What Docker calls a container as the engine calls it. Throws for what the engine cannot do and may not ignore. */
export function toContainerSpec(name: string | undefined, body: CreateBody, defaults: SecurityDefaults): ContainerSpec {
  const host = body.HostConfig
  refuseUnknown('HostConfig', host, [...Object.keys(hostConfigSchema.shape), ...meaningless])
  checkRuntime(host)
  checkHardware(host)
  if (!body.Image) throw new GantryError('invalid_input', 'no image is named', { field: 'Image' })
  const parsed = containerSpecSchema.safeParse({
    name,
    image: body.Image,
    ...toProcess(body),
    ...toLifecycle(host),
    ...toProcessLimits(host),
    ...toSecurity(host, defaults),
    ...toNetwork(networkDisabled(body), {
      exposedPorts: Object.keys(body.ExposedPorts ?? {}),
      macAddress: body.MacAddress,
      endpoints: body.NetworkingConfig?.EndpointsConfig ?? {},
    }),
    resources: toResources(host),
    mounts: toMounts(host, Object.keys(body.Volumes ?? {})),
    annotations: host.Annotations,
    storageSizeBytes: toStorageSize(host.StorageOpt),
    cgroupParent: host.CgroupParent || undefined,
    volumesFrom: host.VolumesFrom.map(toVolumesFrom),
  })
  if (!parsed.success) throw invalidInput(parsed.error)
  return parsed.data
}

function checkRuntime({ Runtime, Isolation }: CreateBody['HostConfig']): void {
  if (Runtime && !['runc', 'gantry', 'io.containerd.runc.v2'].includes(Runtime)) {
    throw new GantryError('invalid_input', `unknown or invalid runtime name: ${Runtime}`, { field: 'HostConfig.Runtime', value: Runtime })
  }
  if (Isolation && Isolation !== 'default') throw refuseValue('HostConfig.Isolation', Isolation, 'default')
}

/** `size` is the only option there is; as docker reads it, `1g` is 1024 MiB. */
function toStorageSize(options: Record<string, string>): number | undefined {
  const other = Object.keys(options).find((name) => name !== 'size')
  if (other !== undefined) throw new DockerError(400, `unknown option ${other}`)
  if (options.size === undefined) return undefined
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(options.size) ?? []
  if (number === '') throw new DockerError(400, `invalid size: '${options.size}'`)
  return Math.floor(Number(number) * 1024 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '))
}

/** Docker's words on what no machine of ours has. */
function checkHardware({ DeviceRequests = [] }: CreateBody['HostConfig']): void {
  const [device] = DeviceRequests
  if (device) {
    const capabilities = (device.Capabilities ?? []).map((group) => `[${group.join(' ')}]`).join(' ')
    throw new DockerError(400, `could not select device driver "${device.Driver ?? ''}" with capabilities: [${capabilities}]`)
  }
}

function toVolumesFrom(text: string): ContainerSpec['volumesFrom'][number] {
  const [container = '', mode = 'rw'] = text.split(':')
  const words = mode.split(',')
  if (container === '' || !words.every((word) => ['ro', 'rw', 'z', 'Z', 'nocopy'].includes(word))) {
    throw new GantryError('invalid_input', `invalid mode: ${mode}`, { field: 'HostConfig.VolumesFrom', value: text })
  }
  return { container, readOnly: words.includes('ro') }
}

function networkDisabled({ NetworkDisabled, HostConfig }: CreateBody): CreateBody['HostConfig'] {
  return NetworkDisabled ? { ...HostConfig, NetworkMode: 'none' } : HostConfig
}

/** What runs. */
function toProcess(body: CreateBody) {
  return {
    // An empty list of words says nothing; an empty Entrypoint clears the image's.
    command: body.Cmd?.length ? body.Cmd : undefined,
    entrypoint: body.Entrypoint?.length === 1 && body.Entrypoint[0] === '' ? [] : body.Entrypoint,
    env: body.Env,
    labels: body.Labels,
    workingDir: body.WorkingDir,
    user: body.User,
    hostname: body.Hostname,
    domainname: body.Domainname,
    tty: body.Tty,
    openStdin: body.OpenStdin,
    stdinOnce: body.StdinOnce,
    stopSignal: body.StopSignal,
    stopTimeoutSeconds: body.StopTimeout,
    healthcheck: toHealthcheck(body.Healthcheck),
  }
}
