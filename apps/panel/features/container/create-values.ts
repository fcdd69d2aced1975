import { type ContainerSpecInput, containerSpecSchema } from '@gantry/contracts'
import { splitWords } from '../../lib/shell-words.ts'
import { parseBytes, parseCount, parseCpus } from '../../lib/units.ts'

/** What the form holds: text as typed. `toSpec` makes the request of it. */
export type CreateValues = {
  image: string
  name: string
  command: string
  entrypoint: string
  interactive: boolean
  cpus: string
  memory: string
  memorySwap: string
  pids: string
  cpuShares: string
  cpusetCpus: string
  blkioWeight: string
  env: { name: string; value: string }[]
  labels: { name: string; value: string }[]
  ports: { hostAddress: string; hostPort: string; containerPort: string; protocol: 'tcp' | 'udp' }[]
  mounts: { type: 'volume' | 'bind' | 'tmpfs'; source: string; target: string; readOnly: boolean }[]
  /** '' is the project's default network, `none`, `host`, or `network:<name>` */
  network: string
  restart: 'no' | 'always' | 'unless-stopped' | 'on-failure'
  maxRetries: string
  hostname: string
  user: string
  workingDir: string
  init: boolean
  autoRemove: boolean
  readonlyRootfs: boolean
  capAdd: string
  capDrop: string
  shmSize: string
  stopTimeout: string
  healthCommand: string
}

export const emptyValues: CreateValues = {
  image: '',
  name: '',
  command: '',
  entrypoint: '',
  interactive: true,
  cpus: '',
  memory: '',
  memorySwap: '',
  pids: '',
  cpuShares: '',
  cpusetCpus: '',
  blkioWeight: '',
  env: [],
  labels: [],
  ports: [],
  mounts: [],
  network: '',
  restart: 'no',
  maxRetries: '',
  hostname: '',
  user: '',
  workingDir: '',
  init: false,
  autoRemove: false,
  readonlyRootfs: false,
  capAdd: '',
  capDrop: '',
  shmSize: '',
  stopTimeout: '',
  healthCommand: '',
}

/** Text that cannot be read at all; everything else is the schema's business. */
export type ReadIssue = 'badNumber' | 'badSize' | 'commandQuote'
export type Issue = { field: string; issue: ReadIssue } | { field: string; message: string }

const text = (value: string) => (value.trim() === '' ? undefined : value.trim())
const swap = (value: string) => (value.trim() === '-1' ? -1 : parseBytes(value))
const words = (value: string) => (value.trim() === '' ? undefined : (splitWords(value) ?? undefined))
const list = (value: string) => value.split(/[\s,]+/).filter(Boolean)
const defined = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T

/** The request that the form's values mean. Unreadable numbers become NaN, which the schema refuses. */
export function toSpec(values: CreateValues): ContainerSpecInput {
  const networkName = values.network.startsWith('network:') ? values.network.slice(8) : undefined
  return defined({
    image: values.image.trim(),
    name: text(values.name),
    command: words(values.command),
    entrypoint: words(values.entrypoint),
    ...(values.interactive ? { tty: true, openStdin: true } : {}),
    env: values.env.filter(({ name }) => name.trim() !== '').map(({ name, value }) => `${name.trim()}=${value}`),
    labels: Object.fromEntries(values.labels.filter(({ name }) => name.trim() !== '').map(({ name, value }) => [name.trim(), value])),
    ports: values.ports.map(({ hostAddress, hostPort, containerPort, protocol }) =>
      defined({
        hostAddress: text(hostAddress),
        hostPort: parseCount(hostPort),
        containerPort: parseCount(containerPort) ?? Number.NaN,
        protocol,
      }),
    ),
    mounts: values.mounts.map(toMount),
    ...(values.network === 'none' || values.network === 'host' ? { networkMode: values.network } : {}),
    ...(networkName ? { endpoints: [{ network: networkName }] } : {}),
    restart:
      values.restart === 'on-failure'
        ? { name: 'on-failure' as const, maximumRetryCount: parseCount(values.maxRetries) ?? 0 }
        : { name: values.restart },
    hostname: text(values.hostname),
    user: text(values.user),
    workingDir: text(values.workingDir),
    ...(values.init ? { init: true } : {}),
    ...(values.autoRemove ? { autoRemove: true } : {}),
    ...(values.readonlyRootfs ? { readonlyRootfs: true } : {}),
    capAdd: list(values.capAdd),
    capDrop: list(values.capDrop),
    shmSizeBytes: parseBytes(values.shmSize),
    stopTimeoutSeconds: parseCount(values.stopTimeout),
    ...(values.healthCommand.trim() ? { healthcheck: { test: ['CMD-SHELL', values.healthCommand.trim()] } } : {}),
    resources: defined({
      nanoCpus: parseCpus(values.cpus),
      memoryBytes: parseBytes(values.memory),
      memorySwapBytes: swap(values.memorySwap),
      pidsLimit: parseCount(values.pids),
      cpuShares: parseCount(values.cpuShares),
      cpusetCpus: text(values.cpusetCpus),
      blkioWeight: parseCount(values.blkioWeight),
    }),
  })
}

function toMount(mount: CreateValues['mounts'][number]): NonNullable<ContainerSpecInput['mounts']>[number] {
  const target = mount.target.trim()
  const readOnly = mount.readOnly
  if (mount.type === 'tmpfs') return { type: 'tmpfs', target, readOnly }
  if (mount.type === 'bind') return { type: 'bind', source: mount.source.trim(), target, readOnly }
  const source = text(mount.source)
  return source === undefined ? { type: 'volume', target, readOnly } : { type: 'volume', source, target, readOnly }
}

/** Where a path of the request stands in the form. */
const fieldOf: Record<string, string> = {
  'resources.nanoCpus': 'cpus',
  'resources.memoryBytes': 'memory',
  'resources.memorySwapBytes': 'memorySwap',
  'resources.pidsLimit': 'pids',
  'resources.cpuShares': 'cpuShares',
  'resources.cpusetCpus': 'cpusetCpus',
  'resources.blkioWeight': 'blkioWeight',
  'restart.maximumRetryCount': 'maxRetries',
  shmSizeBytes: 'shmSize',
  stopTimeoutSeconds: 'stopTimeout',
  healthcheck: 'healthCommand',
  networkMode: 'network',
  endpoints: 'network',
}
const whole = new Set(['command', 'entrypoint', 'capAdd', 'capDrop', 'healthcheck', 'endpoints', 'networkMode'])

/** The form's field for a field of the request, as validation or the server names it (`spec.` in front is allowed). */
export function formField(path: string): string {
  const clean = path.replace(/^spec\./, '')
  const known = fieldOf[clean]
  if (known) return known
  const [first = '', index, ...rest] = clean.split('.')
  if (whole.has(first)) return fieldOf[first] ?? first
  if (first === 'env' && index !== undefined) return `env.${index}.name`
  if (first === 'labels' && index !== undefined) return 'labels'
  return [first, index, ...rest].filter((part) => part !== undefined).join('.')
}

const numbers = ['pids', 'cpuShares', 'blkioWeight', 'maxRetries', 'stopTimeout', 'cpus'] as const
const sizes = ['memory', 'shmSize', 'memorySwap'] as const

/** Everything wrong with the values: first what cannot be read, then what the engine's own schema refuses. */
export function issuesOf(values: CreateValues): Issue[] {
  const issues: Issue[] = []
  for (const field of numbers) {
    const read = field === 'cpus' ? parseCpus : parseCount
    if (Number.isNaN(read(values[field]))) issues.push({ field, issue: 'badNumber' })
  }
  for (const field of sizes)
    if (Number.isNaN((field === 'memorySwap' ? swap : parseBytes)(values[field]))) issues.push({ field, issue: 'badSize' })
  for (const field of ['command', 'entrypoint'] as const)
    if (values[field].trim() && splitWords(values[field]) === null) issues.push({ field, issue: 'commandQuote' })
  const parsed = containerSpecSchema.safeParse(toSpec(values))
  for (const issue of parsed.error?.issues ?? []) {
    const field = formField(issue.path.map(String).join('.'))
    if (!issues.some((earlier) => earlier.field === field)) issues.push({ field, message: issue.message })
  }
  return issues
}
