import type { ContainerSpecInput, ContainerUpdate, ResourcesUpdate } from '@gantry/contracts'
import { quoteWord } from '../../lib/shell-words.ts'
import { bytesText } from '../../lib/units.ts'

type Flags = string[][]

/**
 * The words of the `run` command that makes the same container: flags first, then image and command.
 * `mode` is `-d` for a container that is left running, `-it` for a shell.
 */
export function runWords(spec: ContainerSpecInput): { flags: Flags; rest: string[] } {
  const flags = [
    ...identityFlags(spec),
    ...processFlags(spec),
    ...resourceFlags(spec.resources ?? {}),
    ...placeFlags(spec),
    ...securityFlags(spec),
  ]
  const [program, ...entryArguments] = spec.entrypoint ?? []
  if (spec.entrypoint) flags.push(['--entrypoint', program ?? ''])
  return { flags, rest: [spec.image || 'IMAGE', ...entryArguments, ...(spec.command ?? [])] }
}

/** `docker run …` (or `gantry run …`) as text that can be pasted, one flag a line when it is long. */
export function runText(spec: ContainerSpecInput, program: 'docker' | 'gantry', projectId?: string): string {
  const { flags, rest } = runWords(spec)
  // the command's own option stands before its verb
  const start = program === 'gantry' && projectId ? `gantry --project ${quoteWord(projectId)} run` : `${program} run`
  const parts = [`${start} ${spec.tty && spec.openStdin ? '-dit' : '-d'}`, ...flags.map((words) => words.map(quoteWord).join(' '))]
  parts.push(rest.map(quoteWord).join(' '))
  const line = parts.join(' ')
  return line.length <= 80 ? line : parts.join(' \\\n  ')
}

function identityFlags(spec: ContainerSpecInput): Flags {
  const flags: Flags = []
  if (spec.name) flags.push(['--name', spec.name])
  if (spec.hostname) flags.push(['--hostname', spec.hostname])
  if (spec.domainname) flags.push(['--domainname', spec.domainname])
  for (const [key, value] of Object.entries(spec.labels ?? {})) flags.push(['--label', value === '' ? key : `${key}=${value}`])
  if (spec.autoRemove) flags.push(['--rm'])
  const restart = spec.restart
  if (restart && restart.name !== 'no')
    flags.push([
      '--restart',
      restart.name === 'on-failure' && restart.maximumRetryCount ? `on-failure:${restart.maximumRetryCount}` : restart.name,
    ])
  return flags
}

function processFlags(spec: ContainerSpecInput): Flags {
  const flags: Flags = []
  if (spec.tty && !spec.openStdin) flags.push(['-t'])
  if (!spec.tty && spec.openStdin) flags.push(['-i'])
  if (spec.init) flags.push(['--init'])
  if (spec.user) flags.push(['--user', spec.user])
  for (const group of spec.groups ?? []) flags.push(['--group-add', group])
  if (spec.workingDir) flags.push(['--workdir', spec.workingDir])
  for (const entry of spec.env ?? []) flags.push(['--env', entry])
  if (spec.stopSignal) flags.push(['--stop-signal', spec.stopSignal])
  if (spec.stopTimeoutSeconds !== undefined) flags.push(['--stop-timeout', `${spec.stopTimeoutSeconds}`])
  const health = spec.healthcheck
  if (health?.test[0] === 'NONE') flags.push(['--no-healthcheck'])
  else if (health) {
    flags.push(['--health-cmd', health.test[0] === 'CMD-SHELL' ? (health.test[1] ?? '') : health.test.slice(1).map(quoteWord).join(' ')])
    if (health.intervalMs) flags.push(['--health-interval', `${health.intervalMs}ms`])
    if (health.timeoutMs) flags.push(['--health-timeout', `${health.timeoutMs}ms`])
    if (health.retries) flags.push(['--health-retries', `${health.retries}`])
  }
  return flags
}

/** The flags of the limits alone; `docker update` takes the same ones, and a word of its own for a limit that is taken away. */
export function resourceFlags(r: ResourcesUpdate): Flags {
  const flags: Flags = []
  const add = (flag: string, value: string | number | null | undefined, none = '-1') =>
    value !== undefined && flags.push([flag, `${value ?? none}`])
  const sized = (bytes: number | null | undefined) => (typeof bytes === 'number' && bytes >= 0 ? bytesText(bytes) : bytes)
  add('--cpus', typeof r.nanoCpus === 'number' ? r.nanoCpus / 1e9 : r.nanoCpus, '0')
  add('--cpu-shares', r.cpuShares, '0')
  add('--cpu-quota', r.cpuQuotaUs)
  add('--cpu-period', r.cpuPeriodUs, '0')
  add('--cpuset-cpus', r.cpusetCpus, '')
  add('--cpuset-mems', r.cpusetMems, '')
  add('--memory', sized(r.memoryBytes))
  add('--memory-swap', sized(r.memorySwapBytes))
  add('--memory-reservation', sized(r.memoryReservationBytes))
  add('--memory-swappiness', r.memorySwappiness)
  if (r.oomKillDisable) flags.push(['--oom-kill-disable'])
  add('--pids-limit', r.pidsLimit)
  add('--blkio-weight', r.blkioWeight, '0')
  const throttles = [
    ['--device-read-bps', r.blkioReadBps],
    ['--device-write-bps', r.blkioWriteBps],
    ['--device-read-iops', r.blkioReadIops],
    ['--device-write-iops', r.blkioWriteIops],
  ] as const
  for (const [flag, list] of throttles) for (const { device, rate } of list ?? []) flags.push([flag, `${device}:${rate}`])
  return flags
}

function placeFlags(spec: ContainerSpecInput): Flags {
  const flags: Flags = []
  if (spec.networkMode && spec.networkMode !== 'bridge') flags.push(['--network', spec.networkMode])
  for (const endpoint of spec.endpoints ?? []) {
    const plain = !endpoint.aliases?.length && !endpoint.ipv4Address && !endpoint.ipv6Address && !endpoint.macAddress
    const options = [
      `name=${endpoint.network}`,
      ...(endpoint.aliases ?? []).map((alias) => `alias=${alias}`),
      ...(endpoint.ipv4Address ? [`ip=${endpoint.ipv4Address}`] : []),
      ...(endpoint.ipv6Address ? [`ip6=${endpoint.ipv6Address}`] : []),
      ...(endpoint.macAddress ? [`mac-address=${endpoint.macAddress}`] : []),
    ]
    flags.push(['--network', plain ? endpoint.network : options.join(',')])
  }
  for (const port of spec.ports ?? []) {
    const address = port.hostAddress?.includes(':') ? `[${port.hostAddress}]:` : port.hostAddress ? `${port.hostAddress}:` : ''
    const host = port.hostPort ? `${port.hostPort}:` : address ? ':' : ''
    flags.push(['--publish', `${address}${host}${port.containerPort}${port.protocol === 'udp' ? '/udp' : ''}`])
  }
  if (spec.publishAll) flags.push(['--publish-all'])
  for (const server of spec.dns ?? []) flags.push(['--dns', server])
  for (const host of spec.extraHosts ?? []) flags.push(['--add-host', host])
  for (const mount of spec.mounts ?? []) flags.push(mountFlag(mount))
  if (spec.shmSizeBytes) flags.push(['--shm-size', bytesText(spec.shmSizeBytes)])
  return flags
}

function mountFlag(mount: NonNullable<ContainerSpecInput['mounts']>[number]): string[] {
  if (mount.type === 'image') {
    const subpath = mount.subpath ? `,image-subpath=${mount.subpath}` : ''
    return ['--mount', `type=image,source=${mount.source},target=${mount.target}${subpath}`]
  }
  if (mount.type === 'volume' && mount.subpath) {
    const options = `volume-subpath=${mount.subpath}${mount.readOnly ? ',readonly' : ''}`
    return ['--mount', `type=volume,source=${mount.source},target=${mount.target},${options}`]
  }
  const readOnly = mount.readOnly ? ':ro' : ''
  if (mount.type === 'tmpfs') {
    const options = [
      mount.sizeBytes ? `size=${bytesText(mount.sizeBytes)}` : '',
      mount.mode ? `mode=${mount.mode.toString(8)}` : '',
      mount.readOnly ? 'ro' : '',
    ]
    const text = options.filter(Boolean).join(',')
    return ['--tmpfs', text ? `${mount.target}:${text}` : mount.target]
  }
  if (mount.type === 'volume' && !mount.source) return ['--volume', `${mount.target}${readOnly}`]
  return ['--volume', `${mount.source}:${mount.target}${readOnly}`]
}

function securityFlags(spec: ContainerSpecInput): Flags {
  const flags: Flags = []
  if (spec.privileged) flags.push(['--privileged'])
  if (spec.readonlyRootfs) flags.push(['--read-only'])
  for (const capability of spec.capAdd ?? []) flags.push(['--cap-add', capability])
  for (const capability of spec.capDrop ?? []) flags.push(['--cap-drop', capability])
  if (spec.seccomp && spec.seccomp !== 'default')
    flags.push(['--security-opt', `seccomp=${spec.seccomp === 'unconfined' ? 'unconfined' : 'profile.json'}`])
  if (spec.noNewPrivileges === false) flags.push(['--security-opt', 'no-new-privileges=false'])
  if (spec.maskPaths === false) flags.push(['--security-opt', 'systempaths=unconfined'])
  if (spec.userns === 'host') flags.push(['--userns', 'host'])
  if (spec.pidMode && spec.pidMode !== 'private') flags.push(['--pid', spec.pidMode])
  if (spec.ipcMode && spec.ipcMode !== 'private') flags.push(['--ipc', spec.ipcMode])
  if (spec.utsMode === 'host') flags.push(['--uts', 'host'])
  for (const device of spec.devices ?? [])
    flags.push(['--device', [device.hostPath, device.containerPath ?? device.hostPath, device.permissions ?? 'rwm'].join(':')])
  for (const rule of spec.deviceRules ?? []) flags.push(['--device-cgroup-rule', rule])
  for (const [name, value] of Object.entries(spec.sysctls ?? {})) flags.push(['--sysctl', `${name}=${value}`])
  for (const limit of spec.ulimits ?? []) flags.push(['--ulimit', `${limit.name}=${limit.soft}:${limit.hard}`])
  if (spec.oomScoreAdj) flags.push(['--oom-score-adj', `${spec.oomScoreAdj}`])
  return flags
}

/** The `update` that makes the same change. Docker's own client has no words to take most limits away; ours has. */
export function updateText({ resources, restart }: ContainerUpdate, target: { name: string; projectId: string }): string {
  const flags = [...resourceFlags(resources), ...(restart ? [['--restart', restart.name]] : [])]
  const removes = Object.values(resources).includes(null)
  const start = removes ? `gantry --project ${quoteWord(target.projectId)} update` : 'docker update'
  return [start, ...flags.map((words) => words.map(quoteWord).join(' ')), quoteWord(target.name)].join(' ')
}
