import { readFileSync, readlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Op } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, type Parsed, parseArgs } from '../args.ts'
import { isUnified } from '../cgroup/folders.ts'
import { parseConfig, parseJson, parseWith } from '../config/config.ts'
import { type Process, processSchema } from '../config/process.ts'
import { ExitStatus, type Globals } from '../globals.ts'
import { runDetached, runForeground, type Section } from '../kernel/native.ts'
import { planFilter } from '../plan/filter.ts'
import { planInside, planOutside } from '../plan/process.ts'
import { enterCgroups, personalityOf } from '../plan/start-plan.ts'
import { Container, publicState, type Record } from '../state/container.ts'
import { parseCpus } from './cpu-list.ts'
import { preserved, writePidFile } from './create.ts'

const options = {
  'console-socket': { kind: 'value' },
  cwd: { kind: 'value' },
  env: { kind: 'list', short: 'e' },
  tty: { kind: 'flag', short: 't' },
  user: { kind: 'value', short: 'u' },
  'additional-gids': { kind: 'list', short: 'g' },
  process: { kind: 'value', short: 'p' },
  detach: { kind: 'flag', short: 'd' },
  'pid-file': { kind: 'value' },
  'process-label': { kind: 'value' },
  apparmor: { kind: 'value' },
  'no-new-privs': { kind: 'flag' },
  cap: { kind: 'list', short: 'c' },
  'preserve-fds': { kind: 'value' },
  cgroup: { kind: 'value' },
  'ignore-paused': { kind: 'flag' },
} as const

/** Another process in a running container. */
export async function exec(args: readonly string[], globals: Globals): Promise<void> {
  const parsed = parseArgs(args, options)
  expectWords(parsed, 'exec [OPTIONS] CONTAINER [COMMAND ARG…]', 1, Number.POSITIVE_INFINITY)
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  const record = container.read()
  checkStatus(container, record, parsed)
  if (parsed.value('cgroup')) throw new GantryError('unsupported', 'exec --cgroup is not supported')
  const process = processOf(container, parsed)
  const request = { sections: planExec(process, container, record, parsed, globals), dir: container.dir, preserve: preserved(parsed) }
  if (parsed.has('detach')) {
    if (process.terminal && !parsed.value('console-socket'))
      throw new GantryError('invalid_input', 'a detached terminal needs --console-socket')
    const { pid } = runDetached(request)
    if (parsed.value('pid-file')) writePidFile(parsed.value('pid-file') ?? '', pid)
    return
  }
  const running = runForeground(request)
  const { pid } = await running.started
  if (parsed.value('pid-file')) writePidFile(parsed.value('pid-file') ?? '', pid)
  throw new ExitStatus(await running.exitCode)
}

function checkStatus(container: Container, record: Record, parsed: Parsed): void {
  const status = container.status(record)
  if (status === 'stopped' || status === 'creating') throw new GantryError('wrong_state', `cannot exec in a ${status} container`)
  if (status === 'paused' && !parsed.has('ignore-paused')) {
    throw new GantryError('wrong_state', 'cannot exec in a paused container', {
      remedy: 'resume it, or --ignore-paused to have the process wait',
    })
  }
}

/** From the file, or the container's own process with what the options change. */
function processOf(container: Container, parsed: Parsed): Process {
  const file = parsed.value('process')
  const [, ...command] = parsed.positional
  if (file) return parseWith(processSchema, parseJson(readFileSync(file, 'utf8'), file), file)
  if (command.length === 0) throw new GantryError('invalid_input', 'exec needs a command or --process')
  const own = parseConfig(readFileSync(container.configFile, 'utf8')).process
  const caps = parsed.list('cap').map((name) => (name.startsWith('CAP_') ? name : `CAP_${name}`))
  return {
    ...own,
    args: command,
    cwd: parsed.value('cwd') ?? own?.cwd ?? '/',
    terminal: parsed.has('tty'),
    env: [...(own?.env ?? []), ...parsed.list('env')],
    user: userOf(own, parsed),
    capabilities: caps.length > 0 ? withCaps(own?.capabilities, caps) : own?.capabilities,
    ...(parsed.value('apparmor') ? { apparmorProfile: parsed.value('apparmor') } : {}),
    ...(parsed.value('process-label') ? { selinuxLabel: parsed.value('process-label') } : {}),
    ...(parsed.has('no-new-privs') ? { noNewPrivileges: true } : {}),
  }
}

function userOf(own: Process | null | undefined, parsed: Parsed): Process['user'] {
  const asked = parsed.value('user')
  const groups = parsed.list('additional-gids').map(Number)
  const base = own?.user ?? { uid: 0, gid: 0 }
  const found = asked === undefined ? null : /^(\d+)(?::(\d+))?$/.exec(asked)
  if (asked !== undefined && !found) throw new GantryError('invalid_input', `--user ${asked} is not UID[:GID] in numbers`)
  const user = found ? { umask: base.umask, uid: Number(found[1]), gid: Number(found[2] ?? 0), additionalGids: [] } : base
  return groups.length > 0 ? { ...user, additionalGids: groups } : user
}

function withCaps(own: Process['capabilities'], caps: readonly string[]): Process['capabilities'] {
  const add = (set: readonly string[] | null | undefined) => [...(set ?? []), ...caps]
  return {
    bounding: add(own?.bounding),
    effective: add(own?.effective),
    permitted: add(own?.permitted),
    inheritable: own?.inheritable,
    ambient: own?.ambient,
  }
}

function planExec(process: Process, container: Container, record: Record, parsed: Parsed, globals: Globals): Section[] {
  const config = parseConfig(readFileSync(container.configFile, 'utf8'))
  const linux = config.linux ?? {}
  const socket = parsed.value('console-socket')
  const context = {
    consoleSocket: socket && resolve(socket),
    mountsConsole: false,
    uidMappings: linux.uidMappings,
    filter: planFilter(globals.root, linux.seccomp, publicState(record, 'running')),
    newKeyring: false,
    id: container.id,
    personality: personalityOf(linux),
    beforeLocks: [],
  }
  const { initial, final } = process.execCPUAffinity ?? {}
  return [
    { name: 'run', ops: affinity(initial) },
    cgroupOf(record),
    { name: 'run', ops: affinity(final) },
    ...planOutside(process, context),
    { name: 'join', ops: timeNamespace(record) },
    { name: 'namespaces', ops: [['ns.enter', String(record.pid), String(record.startTicks)]] },
    ...planInside(process, context),
  ]
}

function affinity(list: string | null | undefined): Op[] {
  return list ? [['affinity', ...parseCpus(list).map(String)]] : []
}

/** Not among those that ns.enter takes, as older kernels know none. */
function timeNamespace(record: Record): Op[] {
  const path = `/proc/${record.pid}/ns/time`
  try {
    return readlinkSync(path) === readlinkSync('/proc/self/ns/time') ? [] : [['ns.path', path]]
  } catch {
    return []
  }
}

/** A v2 group that hands controllers down takes no processes: then the group of process 1 does. */
function cgroupOf(record: Record): Section {
  const unified = record.cgroup.hierarchies.find(({ version }) => version === 2)
  if (!unified || !isUnified(record.cgroup)) return enterCgroups(record)
  const handsDown = readFileSync(join(unified.mount, record.cgroup.path, 'cgroup.subtree_control'), 'utf8').trim() !== ''
  if (!handsDown) return enterCgroups(record)
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${record.pid}/cgroup`, 'utf8'))?.[1] ?? record.cgroup.path
  return { name: 'namespaces', ops: [['cgroup.enter', join(unified.mount, path, 'cgroup.procs')]] }
}
