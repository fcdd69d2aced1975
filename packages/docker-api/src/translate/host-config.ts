import type { ContainerSpec, Resources } from '@gantry/contracts'
import { fromLog } from './create/log.ts'
import { toHostMounts } from './host-mounts.ts'

/** The settings of a container in Docker's words: what `create` was told, after the engine's defaults. */
export function toHostConfig(spec: ContainerSpec): object {
  return {
    ...mounts(spec),
    ...network(spec),
    ...lifecycle(spec),
    ...rights(spec),
    ...limits(spec),
  }
}

function mounts(spec: ContainerSpec): object {
  return {
    ...toHostMounts(spec.mounts),
    ContainerIDFile: '',
    VolumeDriver: '',
    VolumesFrom:
      spec.volumesFrom.length > 0 ? spec.volumesFrom.map(({ container, readOnly }) => `${container}${readOnly ? ':ro' : ''}`) : null,
  }
}

function network(spec: ContainerSpec): object {
  const bindings: Record<string, object[]> = {}
  for (const { containerPort, protocol, hostAddress, hostPort, hostPortEnd } of spec.ports) {
    const key = `${containerPort}/${protocol}`
    const asked = [hostPort, hostPortEnd].filter((each) => each !== undefined).join('-')
    bindings[key] = [...(bindings[key] ?? []), { HostIp: hostAddress ?? '', HostPort: asked }]
  }
  // On other networks links are shown with the endpoint.
  const linked = spec.endpoints.filter(({ network }) => network === 'bridge').flatMap((endpoint) => endpoint.links ?? [])
  const links = linked.map(({ container, alias }) => `/${container}:/${spec.name ?? ''}/${alias}`)
  return {
    NetworkMode: spec.endpoints[0]?.network ?? spec.networkMode,
    PortBindings: bindings,
    PublishAllPorts: spec.publishAll,
    Dns: spec.dns,
    DnsOptions: spec.dnsOptions,
    DnsSearch: spec.dnsSearch,
    ExtraHosts: spec.extraHosts.length > 0 ? spec.extraHosts : null,
    Links: links.length > 0 ? links : null,
  }
}

function lifecycle(spec: ContainerSpec): object {
  const { restart, log } = spec
  return {
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.name === 'on-failure' ? restart.maximumRetryCount : 0 },
    AutoRemove: spec.autoRemove,
    Init: spec.init || undefined,
    LogConfig: fromLog(log),
    ConsoleSize: [0, 0],
    Runtime: 'gantry',
    Isolation: '',
  }
}

function rights(spec: ContainerSpec): object {
  const security = [
    ...(spec.noNewPrivileges ? ['no-new-privileges'] : []),
    ...(spec.seccomp === 'default' ? [] : [`seccomp=${spec.seccomp}`]),
    ...(spec.apparmor === undefined ? [] : [`apparmor=${spec.apparmor}`]),
    ...(spec.writableCgroups === undefined ? [] : [`writable-cgroups=${spec.writableCgroups}`]),
  ]
  const capabilities = (names: readonly string[]) =>
    names.length > 0 ? names.map((name) => (name === 'ALL' ? name : `CAP_${name}`)) : null
  return {
    Privileged: spec.privileged,
    CapAdd: capabilities(spec.capAdd),
    CapDrop: capabilities(spec.capDrop),
    SecurityOpt: security.length > 0 ? security : null,
    GroupAdd: spec.groups.length > 0 ? spec.groups : null,
    ReadonlyRootfs: spec.readonlyRootfs,
    UsernsMode: spec.userns === 'host' ? 'host' : '',
    PidMode: spec.pidMode === 'private' ? '' : spec.pidMode,
    IpcMode: spec.ipcMode,
    UTSMode: spec.utsMode === 'host' ? 'host' : '',
    CgroupnsMode: spec.cgroupnsMode,
    Cgroup: '',
    CgroupParent: spec.cgroupParent ?? '',
    ...(Object.keys(spec.sysctls).length > 0 ? { Sysctls: spec.sysctls } : {}),
    ...(spec.storageSizeBytes === undefined ? {} : { StorageOpt: { size: String(spec.storageSizeBytes) } }),
    ...(Object.keys(spec.annotations).length > 0 ? { Annotations: spec.annotations } : {}),
    MaskedPaths: spec.maskPaths ? maskedPaths : [],
    ReadonlyPaths: spec.maskPaths ? readonlyPaths : [],
  }
}

function limits(spec: ContainerSpec): object {
  return {
    ...resources(spec.resources),
    ShmSize: spec.shmSizeBytes ?? 0,
    OomScoreAdj: spec.oomScoreAdj ?? 0,
    Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    Devices: spec.devices.map(({ hostPath, containerPath, permissions }) => ({
      PathOnHost: hostPath,
      PathInContainer: containerPath ?? hostPath,
      CgroupPermissions: permissions,
    })),
    DeviceCgroupRules: spec.deviceRules.length > 0 ? spec.deviceRules : null,
    DeviceRequests: null,
  }
}

function resources(given: Resources): object {
  const throttle = (list: readonly { device: string; rate: number }[] | undefined) =>
    list?.map(({ device, rate }) => ({ Path: device, Rate: rate })) ?? null
  return {
    CpuShares: given.cpuShares ?? 0,
    NanoCpus: given.nanoCpus ?? 0,
    CpuPeriod: given.cpuPeriodUs ?? 0,
    CpuQuota: given.cpuQuotaUs ?? 0,
    CpuRealtimePeriod: given.cpuRtPeriodUs ?? 0,
    CpuRealtimeRuntime: given.cpuRtRuntimeUs ?? 0,
    CpusetCpus: given.cpusetCpus ?? '',
    CpusetMems: given.cpusetMems ?? '',
    Memory: given.memoryBytes ?? 0,
    MemorySwap: given.memorySwapBytes ?? 0,
    MemoryReservation: given.memoryReservationBytes ?? 0,
    MemorySwappiness: given.memorySwappiness ?? null,
    OomKillDisable: given.oomKillDisable ?? false,
    PidsLimit: given.pidsLimit ?? null,
    BlkioWeight: given.blkioWeight ?? 0,
    BlkioWeightDevice: given.blkioWeightDevices?.map(({ device, weight }) => ({ Path: device, Weight: weight })) ?? [],
    BlkioDeviceReadBps: throttle(given.blkioReadBps),
    BlkioDeviceWriteBps: throttle(given.blkioWriteBps),
    BlkioDeviceReadIOps: throttle(given.blkioReadIops),
    BlkioDeviceWriteIOps: throttle(given.blkioWriteIops),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  }
}

/** Docker's lists; what the engine hides is at least that. */
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']
