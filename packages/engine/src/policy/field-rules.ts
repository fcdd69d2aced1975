import { type ContainerSpec, type Policy, hostCapabilities } from '@gantry/contracts'
import { defaultCapabilities } from '../plan/capabilities.ts'
import { checkSysctls } from './sysctls.ts'

export interface Refusal {
  /** Where it is more exact than the field of the table. */
  readonly field?: string
  readonly value: string
  readonly text: string
  readonly remedy?: string
}
export type FieldRule = (spec: ContainerSpec, policy: Policy) => Refusal | undefined

/** Nothing in this field reaches beyond the container. */
const free: FieldRule = () => undefined

/** What every container has anyway may be asked for by everybody. */
const granted: readonly string[] = defaultCapabilities
/** Not even a list may grant these without host access. */
const refusedCapabilities: readonly string[] = ['ALL', ...hostCapabilities]
/** Disk that one container's log may fill without host access. */
const MOST_LOG_BYTES = 1024 ** 3

/** A field that takes host access when `asks` says so. */
function host(asks: (spec: ContainerSpec) => boolean, value: (spec: ContainerSpec) => unknown, text: string, remedy?: string): FieldRule {
  return (spec, policy) => (!policy.hostAccess && asks(spec) ? { value: String(value(spec)), text, remedy } : undefined)
}

function hostMode(field: 'pidMode' | 'utsMode' | 'cgroupnsMode' | 'networkMode', noun: string): FieldRule {
  return host(
    (spec) => spec[field] === 'host',
    () => 'host',
    `sharing the host's ${noun} is not allowed here`,
  )
}

/**
 * One row per field of a container's spec; a field without a row does not compile. Bind sources are judged in check-policy,
 * objects of other projects (container:X, networks) where names are looked up.
 */
export const fieldRules: Readonly<Record<keyof Required<ContainerSpec>, FieldRule>> = {
  name: free,
  image: free,
  command: free,
  entrypoint: free,
  env: free,
  labels: free,
  workingDir: free,
  user: free,
  groups: free,
  hostname: free,
  domainname: free,
  tty: free,
  openStdin: free,
  stdinOnce: free,
  stopSignal: free,
  stopTimeoutSeconds: free,
  restart: free,
  autoRemove: free,
  init: free,
  healthcheck: free,
  mounts: host(
    (spec) => spec.mounts.some((mount) => mount.type === 'bind' && /shared$/.test(mount.propagation)),
    () => 'shared',
    'a mount that passes mounts back to the host is not allowed here',
    'use private or slave propagation',
  ),
  networkMode: hostMode('networkMode', 'network'),
  endpoints: host(
    (spec) => spec.endpoints.some(({ driverOptions }) => driverOptions?.['com.docker.network.endpoint.sysctls']),
    () => 'com.docker.network.endpoint.sysctls',
    'settings of interfaces are not allowed here',
  ),
  ports: (spec, policy) => {
    const low = spec.ports.find(({ hostPort }) => hostPort !== undefined && hostPort < policy.minHostPort)
    if (!low) return undefined
    const { minHostPort } = policy
    const remedy = `publish on ${minHostPort} or above`
    return {
      value: String(low.hostPort),
      text: `host port ${low.hostPort} is below ${minHostPort}, the lowest that may be published`,
      remedy,
    }
  },
  exposedPorts: free,
  publishAll: free,
  dns: free,
  dnsSearch: free,
  dnsOptions: free,
  extraHosts: free,
  resources: (spec, policy) => {
    if (policy.hostAccess) return undefined
    if (spec.resources.cpuRtRuntimeUs) {
      const text = 'a real-time cpu budget is not allowed here: it takes the cpu from the whole machine'
      return { field: 'resources.cpuRtRuntimeUs', value: String(spec.resources.cpuRtRuntimeUs), text }
    }
    if (spec.resources.oomKillDisable && !spec.resources.memoryBytes) {
      const text = 'switching the OOM killer off without a memory limit is not allowed here'
      return { field: 'resources.oomKillDisable', value: 'true', text, remedy: 'set a memory limit' }
    }
    return undefined
  },
  // Above what the machine allows they are clamped; what they bound is counted by the container's own cgroup and ids.
  ulimits: free,
  // Charged to the container's memory.
  shmSizeBytes: free,
  oomScoreAdj: host(
    (spec) => (spec.oomScoreAdj ?? 0) < 0,
    (spec) => spec.oomScoreAdj,
    'a negative OOM score is not allowed here: it makes the kernel kill others first',
    'use 0 or more',
  ),
  readonlyRootfs: free,
  privileged: host(
    (spec) => spec.privileged,
    () => true,
    'privileged containers are not allowed here',
  ),
  capAdd: (spec, policy) => {
    const { capabilities, hostAccess } = policy
    if (capabilities === 'all' && hostAccess) return undefined
    const listed = (name: string) => (capabilities === 'all' || capabilities.includes(name)) && !refusedCapabilities.includes(name)
    const refused = spec.capAdd.find((name) => !granted.includes(name) && !listed(name))
    return refused ? { value: refused, text: `capability ${refused} is not allowed here` } : undefined
  },
  capDrop: free,
  seccomp: host(
    (spec) => spec.seccomp !== 'default',
    (spec) => (spec.seccomp === 'unconfined' ? 'unconfined' : 'custom profile'),
    'only the default seccomp profile is allowed here',
    'leave seccomp out',
  ),
  noNewPrivileges: host(
    (spec) => !spec.noNewPrivileges,
    () => false,
    'gaining privileges through set-user-id programs is not allowed here',
    'leave noNewPrivileges on',
  ),
  maskPaths: host(
    (spec) => !spec.maskPaths,
    () => false,
    'unmasking kernel files is not allowed here',
    'leave maskPaths on',
  ),
  devices: host(
    (spec) => spec.devices.length > 0,
    (spec) => spec.devices[0]?.hostPath,
    'host devices are not allowed here',
  ),
  deviceRules: host(
    (spec) => spec.deviceRules.length > 0,
    (spec) => spec.deviceRules[0],
    'device rules are not allowed here',
  ),
  sysctls: (spec, policy) => {
    const [risky] = checkSysctls(spec)
    return risky !== undefined && !policy.hostAccess ? { value: risky, text: `sysctl ${risky} is not allowed here` } : undefined
  },
  userns: host(
    (spec) => spec.userns === 'host',
    () => 'host',
    "being the host's own users is not allowed here",
    'leave userns out',
  ),
  pidMode: hostMode('pidMode', 'processes'),
  ipcMode: host(
    (spec) => spec.ipcMode === 'host' || spec.ipcMode === 'shareable',
    (spec) => spec.ipcMode,
    'sharing IPC is not allowed here',
    'use ipcMode private',
  ),
  utsMode: hostMode('utsMode', 'host name'),
  cgroupnsMode: hostMode('cgroupnsMode', 'cgroup tree'),
  // It lies in the project's own group, whose limits hold.
  cgroupParent: free,
  writableCgroups: host(
    (spec) => spec.writableCgroups === true && spec.userns === 'host',
    () => true,
    'writable cgroups are not allowed here without ids of its own: root inside could change its own limits',
    'leave userns out',
  ),
  storageSizeBytes: host(
    (spec) => spec.storageSizeBytes !== undefined,
    (spec) => spec.storageSizeBytes,
    'a size of the writable layer is not allowed here: it takes a quota project of the host',
    'leave storageSizeBytes out',
  ),
  annotations: free,
  // What is taken over is judged as mounts.
  volumesFrom: free,
  apparmor: host(
    (spec) => spec.apparmor !== undefined,
    (spec) => spec.apparmor,
    'only the default AppArmor profile is allowed here',
    'leave apparmor out',
  ),
  log: (spec, policy) => {
    if (!policy.hostAccess && (spec.log.driver === 'syslog' || spec.log.driver === 'journald')) {
      const text = `log driver ${spec.log.driver} is not allowed here: it writes into logs of the host`
      return { field: 'log.driver', value: spec.log.driver, text, remedy: 'use json-file or local' }
    }
    const bytes = spec.log.maxSizeBytes * spec.log.maxFiles
    if (policy.hostAccess || bytes <= MOST_LOG_BYTES) return undefined
    const text = `a log of ${Math.round(bytes / 1024 ** 2)} MiB is more than the 1024 MiB allowed here`
    return { field: 'log.maxSizeBytes', value: String(spec.log.maxSizeBytes), text, remedy: 'lower maxSizeBytes or maxFiles' }
  },
}
