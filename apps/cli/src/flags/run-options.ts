import { readFileSync } from 'node:fs'
import {
  type ContainerSpec,
  type ContainerSpecInput,
  containerSpecSchema,
  GantryError,
  invalidInput,
  logDrivers,
  type Ulimit,
} from '@gantry/contracts'
import { type Command, Option } from 'commander'
import { parseLog } from './log.ts'
import { parseMount, parseTmpfs, parseVolume } from './mounts.ts'
import { type NetworkFlags, parseNetworks } from './networks.ts'
import { parsePublish } from './ports.ts'
import { parseResources, type ResourceFlags, resourceOptions } from './resources.ts'
import { parseDurationMs, parseInteger, parseSize } from './size.ts'

/** Flags of `run`, `create` and `plan` as commander delivers them. */
export interface RunFlags extends ResourceFlags, NetworkFlags {
  name?: string
  detach?: boolean
  interactive?: boolean
  tty?: boolean
  rm?: boolean
  pull?: string
  env: string[]
  envFile: string[]
  label: string[]
  volume: string[]
  volumesFrom: string[]
  annotation: string[]
  mount: string[]
  tmpfs: string[]
  publish: string[]
  publishAll?: boolean
  expose: string[]
  dns: string[]
  dnsSearch: string[]
  dnsOption: string[]
  addHost: string[]
  entrypoint?: string
  user?: string
  groupAdd: string[]
  workdir?: string
  hostname?: string
  domainname?: string
  restart?: string
  init?: boolean
  readOnly?: boolean
  privileged?: boolean
  capAdd: string[]
  capDrop: string[]
  securityOpt: string[]
  device: string[]
  deviceCgroupRule: string[]
  ulimit: string[]
  sysctl: string[]
  shmSize?: string
  oomScoreAdj?: string
  cgroupParent?: string
  stopSignal?: string
  stopTimeout?: string
  userns?: string
  pid?: string
  ipc?: string
  uts?: string
  cgroupns?: string
  logDriver?: string
  logOpt: string[]
  healthCmd?: string
  healthInterval?: string
  healthTimeout?: string
  healthRetries?: string
  healthStartPeriod?: string
  healthStartInterval?: string
  healthcheck?: boolean
}

const collect = (value: string, all: string[]) => [...all, value]
/** [flags, description] of options that may be given many times. */
const repeatable: readonly (readonly [string, string])[] = [
  ['-e, --env <name[=value]>', 'environment variable; a name alone copies ours'],
  ['--env-file <file>', 'environment variables from a file'],
  ['-l, --label <key=value>', 'label'],
  ['-v, --volume <[source:]target[:options]>', 'volume or host folder'],
  ['--volumes-from <container[:ro]>', 'the mounts of another container'],
  ['--annotation <key=value>', 'free text for tools'],
  ['--mount <fields>', 'type=bind|volume|tmpfs,source=…,target=…[,readonly]'],
  ['--tmpfs <path[:options]>', 'tmpfs at this path'],
  ['-p, --publish <[address:]host:container[/protocol]>', 'publish a port'],
  ['--expose <port[/protocol]>', 'document a port'],
  ['--network <name>', 'network (name=…,alias=…,ip=…,gw-priority=…,driver-opt=…), or bridge, none, host, container:NAME'],
  ['--network-alias <name>', 'further name on the networks'],
  ['--link <container[:alias]>', 'name of its own for another container'],
  ['--link-local-ip <address>', 'further link-local address'],
  ['--dns <address>', 'name server'],
  ['--dns-search <domain>', 'search domain'],
  ['--dns-option <option>', 'resolver option'],
  ['--add-host <name:address>', 'line of /etc/hosts'],
  ['--group-add <group>', 'supplementary group'],
  ['--cap-add <capability>', 'add a capability'],
  ['--cap-drop <capability>', 'drop a capability'],
  [
    '--security-opt <option>',
    'no-new-privileges[=false], seccomp=FILE|unconfined, apparmor=PROFILE|unconfined, systempaths=unconfined, writable-cgroups',
  ],
  ['--device <host[:container[:rwm]]>', 'give access to a device'],
  ['--device-cgroup-rule <rule>', 'device rule such as "c 189:* rwm"'],
  ['--ulimit <name=soft[:hard]>', 'resource limit of processes'],
  ['--sysctl <name=value>', 'namespaced kernel setting'],
  ['--log-opt <key=value>', 'max-size, max-file, compress, labels, env, tag, mode, syslog-address, …'],
]
const single: readonly (readonly [string, string])[] = [
  ['--name <name>', 'name of the container'],
  ['--entrypoint <command>', "replace the image's entrypoint"],
  ['-u, --user <user[:group]>', 'user inside'],
  ['-w, --workdir <path>', 'working directory inside'],
  ['--hostname <name>', 'host name inside'],
  ['--domainname <name>', 'domain name inside'],
  ['--ip <address>', 'IPv4 address on the network'],
  ['--ip6 <address>', 'IPv6 address on the network'],
  ['--mac-address <address>', 'MAC address'],
  ['--restart <policy>', 'no, always, unless-stopped, on-failure[:n]'],
  ['--shm-size <size>', 'size of /dev/shm'],
  ['--oom-score-adj <n>', 'preference of the OOM killer'],
  ['--cgroup-parent <group>', 'lie in this group of the project, such as web/front'],
  ['--stop-signal <signal>', 'signal that asks to stop'],
  ['--stop-timeout <seconds>', 'seconds until it is killed'],
  ['--userns <mode>', 'project or host'],
  ['--pid <mode>', 'private, host or container:NAME'],
  ['--ipc <mode>', 'private, shareable, host, none or container:NAME'],
  ['--uts <mode>', 'private or host'],
  ['--cgroupns <mode>', 'private or host'],
  ['--log-driver <driver>', `${logDrivers.join(', ')}`],
  ['--pull <when>', 'always, missing or never'],
  ['--health-cmd <line>', 'shell line that tells health'],
  ['--health-interval <duration>', 'time between checks'],
  ['--health-timeout <duration>', 'time one check may take'],
  ['--health-retries <n>', 'failures in a row until unhealthy'],
  ['--health-start-period <duration>', 'time to start in'],
  ['--health-start-interval <duration>', 'time between checks while it starts'],
  ['-t, --tty', 'give it a terminal'],
  ['-i, --interactive', 'keep its input open'],
  ['-P, --publish-all', 'publish all exposed ports'],
  ['--rm', 'remove it when it has ended'],
  ['--init', 'run a small init that reaps processes'],
  ['--read-only', 'read-only root file system'],
  ['--privileged', 'all capabilities and devices'],
  ['--no-healthcheck', "ignore the image's health check"],
]

/** Adds every flag that describes a container. Flags after the image belong to the command inside. */
export function withRunOptions(command: Command): Command {
  for (const [flags, description] of [...single, ...resourceOptions]) command.addOption(new Option(flags, description))
  for (const [flags, description] of repeatable) command.addOption(new Option(flags, description).argParser(collect).default([]))
  return command.argument('<image>').argument('[command...]').passThroughOptions()
}

/** From flags to the spec the engine knows; throws `invalid_input` naming flag or field. */
export function parseRunSpec(
  image: string,
  args: readonly string[],
  flags: RunFlags,
  host: { cwd: string; env: Record<string, string | undefined> },
): ContainerSpec {
  const spec: ContainerSpecInput = {
    image,
    ...identity(args, flags, host.env),
    ...network(flags),
    ...security(flags),
    mounts: [
      ...flags.volume.map((text) => parseVolume(text, host.cwd)),
      ...flags.mount.map((text) => parseMount(text, host.cwd)),
      ...flags.tmpfs.map(parseTmpfs),
    ],
    resources: parseResources(flags),
    ulimits: flags.ulimit.map(parseUlimit),
    tty: flags.tty ?? false,
    openStdin: flags.interactive ?? false,
    stdinOnce: (flags.interactive ?? false) && !flags.detach,
    autoRemove: flags.rm ?? false,
    init: flags.init ?? false,
    readonlyRootfs: flags.readOnly ?? false,
    healthcheck: health(flags),
    log: parseLog(flags.logDriver, pairs('--log-opt', flags.logOpt)),
  }
  const parsed = containerSpecSchema.safeParse(spec)
  if (!parsed.success) throw invalidInput(parsed.error)
  return parsed.data
}

function identity(args: readonly string[], flags: RunFlags, env: Record<string, string | undefined>): Partial<ContainerSpecInput> {
  return {
    name: flags.name,
    command: args.length > 0 ? [...args] : undefined,
    entrypoint: flags.entrypoint === undefined ? undefined : flags.entrypoint === '' ? [] : [flags.entrypoint],
    env: parseEnv(flags, env),
    labels: pairs('--label', flags.label),
    user: flags.user,
    groups: flags.groupAdd,
    workingDir: flags.workdir,
    hostname: flags.hostname,
    domainname: flags.domainname,
    restart: parseRestart(flags.restart),
    stopSignal: flags.stopSignal,
    stopTimeoutSeconds: flags.stopTimeout === undefined ? undefined : parseInteger('--stop-timeout', flags.stopTimeout),
    shmSizeBytes: flags.shmSize === undefined ? undefined : parseSize('--shm-size', flags.shmSize),
    oomScoreAdj: flags.oomScoreAdj === undefined ? undefined : parseInteger('--oom-score-adj', flags.oomScoreAdj),
    sysctls: pairs('--sysctl', flags.sysctl),
    cgroupParent: flags.cgroupParent,
    annotations: pairs('--annotation', flags.annotation),
    volumesFrom: flags.volumesFrom.map(parseVolumesFrom),
  }
}

function parseEnv(flags: RunFlags, env: Record<string, string | undefined>): string[] {
  const fromFiles = flags.envFile.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  )
  return [...fromFiles, ...flags.env].flatMap((entry) => {
    if (entry.includes('=')) return [entry]
    // As docker has it: a name that has no value here either takes the image's variable away.
    return env[entry] === undefined ? [entry] : [`${entry}=${env[entry]}`]
  })
}

function network(flags: RunFlags): Partial<ContainerSpecInput> {
  return {
    ...parseNetworks(flags),
    ports: flags.publish.flatMap(parsePublish),
    publishAll: flags.publishAll ?? false,
    exposedPorts: flags.expose.map((text) => (text.includes('/') ? text : `${text}/tcp`)),
    dns: flags.dns,
    dnsSearch: flags.dnsSearch,
    dnsOptions: flags.dnsOption,
    extraHosts: flags.addHost,
  }
}

function security(flags: RunFlags): Partial<ContainerSpecInput> {
  const option = (name: string) => flags.securityOpt.map((text) => text.split(/[=:]/)).find(([key]) => key === name)
  const seccomp = option('seccomp')?.slice(1).join('=')
  return {
    privileged: flags.privileged ?? false,
    capAdd: flags.capAdd,
    capDrop: flags.capDrop,
    seccomp:
      seccomp === undefined || seccomp === 'builtin' ? 'default' : seccomp === 'unconfined' ? seccomp : readFileSync(seccomp, 'utf8'),
    // sudo and su work only without it, and docker leaves it off too; ours is on unless asked for.
    noNewPrivileges: !(option('no-new-privileges')?.[1] === 'false' || flags.privileged),
    maskPaths: !(option('systempaths')?.[1] === 'unconfined' || flags.privileged),
    apparmor: option('apparmor')?.slice(1).join('='),
    writableCgroups: option('writable-cgroups') && option('writable-cgroups')?.[1] !== 'false',
    devices: flags.device.map((text) => {
      const [hostPath = '', containerPath, permissions] = text.split(':')
      return { hostPath, ...(containerPath && { containerPath }), ...(permissions && { permissions }) }
    }),
    deviceRules: flags.deviceCgroupRule,
    userns: (flags.userns as 'project' | 'host' | undefined) ?? (flags.privileged ? 'host' : 'project'),
    pidMode: flags.pid ?? 'private',
    ipcMode: flags.ipc ?? 'private',
    utsMode: flags.uts as 'private' | 'host' | undefined,
    cgroupnsMode: flags.cgroupns as 'private' | 'host' | undefined,
  }
}

function parseRestart(text = 'no'): ContainerSpecInput['restart'] {
  const [name = '', count] = text.split(':')
  if (name === 'on-failure') return { name, maximumRetryCount: count === undefined ? 0 : parseInteger('--restart', count) }
  if ((name === 'no' || name === 'always' || name === 'unless-stopped') && count === undefined) return { name }
  throw new GantryError('invalid_input', `--restart ${text}: is not no, always, unless-stopped or on-failure[:n]`, { field: '--restart' })
}

function parseVolumesFrom(text: string): ContainerSpec['volumesFrom'][number] {
  const [container = '', access] = text.split(':')
  if (container && (access === undefined || access === 'ro' || access === 'rw')) return { container, readOnly: access === 'ro' }
  throw new GantryError('invalid_input', `--volumes-from ${text}: is not CONTAINER[:ro|rw]`, { field: '--volumes-from', value: text })
}

function parseUlimit(text: string): Ulimit {
  const [name = '', values = ''] = text.split('=')
  const [soft = '', hard = soft] = values.split(':')
  return { name: name as Ulimit['name'], soft: parseInteger('--ulimit', soft), hard: parseInteger('--ulimit', hard) }
}

function health(flags: RunFlags): ContainerSpecInput['healthcheck'] {
  if (flags.healthcheck === false) return { test: ['NONE'] }
  if (!flags.healthCmd) return undefined
  return {
    test: ['CMD-SHELL', flags.healthCmd],
    ...(flags.healthInterval && { intervalMs: parseDurationMs('--health-interval', flags.healthInterval) }),
    ...(flags.healthTimeout && { timeoutMs: parseDurationMs('--health-timeout', flags.healthTimeout) }),
    ...(flags.healthRetries && { retries: parseInteger('--health-retries', flags.healthRetries) }),
    ...(flags.healthStartInterval && { startIntervalMs: parseDurationMs('--health-start-interval', flags.healthStartInterval) }),
    ...(flags.healthStartPeriod && { startPeriodMs: parseDurationMs('--health-start-period', flags.healthStartPeriod) }),
  }
}

function pairs(flag: string, entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=')
      if (at === 0) throw new GantryError('invalid_input', `${flag} ${entry}: has no name before =`, { field: flag, value: entry })
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}
