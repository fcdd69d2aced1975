import type { ContainerInspect, ContainerState } from '@gantry/contracts'
import { endpointId, toNetworks, toPortMap } from './endpoints.ts'
import { toHostConfig } from './host-config.ts'
import { toMountPoints } from './mount-points.ts'
import { never } from './times.ts'

const runningStatuses: readonly string[] = ['running', 'paused', 'restarting']

/** GET /containers/{id}/json. */
export function toInspect(
  container: ContainerInspect,
  { version, execIds, imageBytes }: { version: number; execIds: readonly string[]; imageBytes: number },
): object {
  const { id, name, args, state, spec, sizeRwBytes: size } = container
  const folder = container.logPath.replace(/\/log\/[^/]*$/, '')
  return {
    Id: id,
    Created: container.createdAt,
    Path: args[0] ?? '',
    Args: args.slice(1),
    State: toState(state),
    Image: container.imageId,
    ResolvConfPath: `${folder}/resolv.conf`,
    HostnamePath: `${folder}/hostname`,
    HostsPath: `${folder}/hosts`,
    LogPath: spec.log.driver === 'none' ? '' : container.logPath,
    Name: `/${name}`,
    RestartCount: state.restartCount,
    Driver: container.storageDriver,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: container.apparmorProfile ?? '',
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: toHostConfig(spec),
    GraphDriver: { Data: null, Name: container.storageDriver },
    ...(size === undefined ? {} : { SizeRw: size, SizeRootFs: imageBytes + size }),
    Mounts: toMountPoints(container.resolvedMounts),
    Config: toConfig(container, version),
    NetworkSettings: toNetworkSettings(container, version),
  }
}

function toState(state: ContainerState): object {
  const { status, health } = state
  return {
    Status: status,
    Running: runningStatuses.includes(status),
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt || never,
    FinishedAt: state.finishedAt || never,
    ...(health && health.status !== 'none'
      ? {
          Health: {
            Status: health.status,
            FailingStreak: health.failingStreak,
            Log: health.log.map(({ start, end, exitCode, output }) => ({ Start: start, End: end, ExitCode: exitCode, Output: output })),
          },
        }
      : {}),
  }
}

/** With the host's name space for names it is the host's, which is nobody's business here. */
function hostnameOf(id: string, { hostname, utsMode, networkMode }: ContainerInspect['spec']): string {
  return hostname ?? (utsMode === 'host' || networkMode === 'host' ? '' : id.slice(0, 12))
}

function toConfig({ id, spec, endpoints }: ContainerInspect, version: number): object {
  const set = (names: readonly string[]) => (names.length > 0 ? Object.fromEntries(names.map((name) => [name, {}])) : undefined)
  const anonymous = spec.mounts.flatMap((mount) => (mount.type === 'volume' && mount.source === undefined ? [mount.target] : []))
  const interactive = spec.openStdin && spec.stdinOnce
  return {
    Hostname: hostnameOf(id, spec),
    Domainname: spec.domainname ?? '',
    User: spec.user ?? '',
    AttachStdin: interactive,
    AttachStdout: interactive,
    AttachStderr: interactive,
    ExposedPorts: set(spec.exposedPorts),
    Tty: spec.tty,
    OpenStdin: spec.openStdin,
    StdinOnce: spec.stdinOnce,
    Env: spec.env,
    Cmd: spec.command?.length ? spec.command : null,
    Healthcheck: spec.healthcheck && {
      Test: spec.healthcheck.test,
      Interval: spec.healthcheck.intervalMs * 1e6,
      Timeout: spec.healthcheck.timeoutMs * 1e6,
      StartPeriod: spec.healthcheck.startPeriodMs * 1e6,
      StartInterval: spec.healthcheck.startIntervalMs * 1e6,
      Retries: spec.healthcheck.retries,
    },
    Image: spec.image,
    Volumes: set(anonymous) ?? null,
    WorkingDir: spec.workingDir ?? '',
    Entrypoint: spec.entrypoint?.length ? spec.entrypoint : null,
    ...(version < 44 ? { MacAddress: endpoints[0]?.macAddress ?? '' } : {}),
    OnBuild: null,
    Labels: spec.labels,
    StopSignal: spec.stopSignal,
    StopTimeout: spec.stopTimeoutSeconds,
  }
}

function toNetworkSettings({ id, name, state, spec, ports, endpoints }: ContainerInspect, version: number): object {
  const running = state.pid > 0
  const onDefault = endpoints.find(({ network }) => network === 'bridge')
  return {
    Bridge: '',
    SandboxID: running ? id : '',
    SandboxKey: running ? `/proc/${state.pid}/ns/net` : '',
    Ports: running ? toPortMap(spec.exposedPorts, ports) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    // Those of the default network, until 1.52.
    ...(version < 52
      ? {
          EndpointID: onDefault ? endpointId(onDefault) : '',
          Gateway: onDefault?.ipv4Gateway ?? '',
          GlobalIPv6Address: onDefault?.ipv6Address ?? '',
          GlobalIPv6PrefixLen: onDefault?.ipv6PrefixLength ?? 0,
          IPAddress: onDefault?.ipv4Address ?? '',
          IPPrefixLen: onDefault?.ipv4PrefixLength ?? 0,
          IPv6Gateway: onDefault?.ipv6Gateway ?? '',
          MacAddress: onDefault?.macAddress ?? '',
        }
      : {}),
    Networks: toNetworks(endpoints, {
      networkMode: spec.networkMode,
      asked: spec.endpoints,
      container: { id, name, hostname: hostnameOf(id, spec) },
    }),
  }
}
