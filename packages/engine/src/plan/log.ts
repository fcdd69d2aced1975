import { type ContainerSpec, GantryError, type LogSpec, type Op, syslogFacilities } from '@gantry/contracts'

/** systemd's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). */
export const journalSocket = '/run/systemd/journal/socket'

/** Who takes syslog lines, its name looked up. */
export interface LogReceiver {
  readonly network: 'unix' | 'unixgram' | 'udp' | 'tcp'
  /** Path, or an address in numbers. */
  readonly address: string
  readonly port: number
  /** This machine's, as remote formats carry it. */
  readonly hostname: string
}

/** What lines can say of their container. */
export interface Logged {
  readonly id: string
  readonly name: string
  readonly image: { readonly id: string; readonly reference: string }
  readonly args: readonly string[]
  readonly spec: Pick<ContainerSpec, 'log' | 'labels' | 'env'>
}

/** The monitor's operations for a container's log; none for driver `none`. */
export function logOps(logged: Logged, path: string, receiver?: LogReceiver): Op[] {
  const { log } = logged.spec
  switch (log.driver) {
    case 'none':
      return []
    case 'json-file':
    case 'local':
      return fileOps(logged, path)
    case 'syslog':
      return receiver ? [syslogOp(logged, receiver)] : []
    case 'journald':
      return [journalOp(logged)]
  }
}

function fileOps(logged: Logged, path: string): Op[] {
  const { log } = logged.spec
  const attrs = { ...extraAttributes(logged), ...(log.tag ? { tag: expandTag(log.tag, logged) } : {}) }
  return [
    ['log', path, String(log.maxSizeBytes), String(log.maxFiles)],
    ...((log.compress ?? log.driver === 'local') ? [['log.compress'] as const] : []),
    ...(Object.keys(attrs).length > 0 ? [['log.attrs', JSON.stringify(attrs)] as const] : []),
  ]
}

function syslogOp(logged: Logged, { network, address, port, hostname }: LogReceiver): Op {
  const { log } = logged.spec
  const format = log.syslog.format ?? (network.startsWith('unix') ? 'local' : 'remote')
  const facility = String(syslogFacilities.indexOf(log.syslog.facility))
  const tag = expandTag(log.tag ?? defaultTag, logged)
  return ['log.syslog', network, address, String(port), facility, format, tag, hostname, ...dropping(log)]
}

function journalOp(logged: Logged): Op {
  const { id, name, image, spec } = logged
  const tag = expandTag(spec.log.tag ?? defaultTag, logged)
  const extra = Object.entries(extraAttributes(logged)).map(([key, value]) => `${journalName(key)}=${value.replaceAll('\n', ' ')}`)
  return [
    'log.journal',
    journalSocket,
    dropping(spec.log)[0] ?? 'wait',
    `CONTAINER_ID=${id.slice(0, 12)}`,
    `CONTAINER_ID_FULL=${id}`,
    `CONTAINER_NAME=${name}`,
    `CONTAINER_TAG=${tag}`,
    `SYSLOG_IDENTIFIER=${tag}`,
    `IMAGE_NAME=${image.reference}`,
    ...extra,
  ]
}

function dropping(log: LogSpec): ['drop'] | [] {
  return log.mode === 'non-blocking' ? ['drop'] : []
}

/** Names of the journal's fields: capitals, digits and underscores, not beginning with one. */
function journalName(key: string): string {
  return (
    key
      .toUpperCase()
      .replace(/[^A-Z0-9]/g, '_')
      .replace(/^_+/, '')
      .slice(0, 64) || 'FIELD'
  )
}

/** The labels and variables that were asked for, of those the container has. */
function extraAttributes({ spec }: Logged): Record<string, string> {
  const { labels, labelsRegex, env, envRegex } = spec.log
  const set = spec.env.filter((entry) => entry.includes('='))
  const variables = Object.fromEntries(set.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]))
  return { ...chosen(spec.labels, labels, labelsRegex, 'labels-regex'), ...chosen(variables, env, envRegex, 'env-regex') }
}

function chosen(all: Readonly<Record<string, string>>, names: readonly string[], expression: string | undefined, option: string) {
  const matches = expression === undefined ? undefined : compile(expression, option)
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name) || matches?.test(name)))
}

function compile(expression: string, option: string): RegExp {
  try {
    return new RegExp(expression)
  } catch (cause) {
    throw new GantryError('invalid_input', `${option} ${expression} is not a regular expression`, { field: 'log' }, { cause })
  }
}

const defaultTag = '{{.ID}}'

/** Docker's tag templates, by the names it documents. Throws `invalid_input` for any other. */
export function expandTag(template: string, { id, name, image, args }: Omit<Logged, 'spec'>): string {
  const values: Readonly<Record<string, string>> = {
    ID: id.slice(0, 12),
    FullID: id,
    Name: name,
    ImageID: image.id.replace(/^sha256:/, '').slice(0, 12),
    ImageFullID: image.id,
    ImageName: image.reference,
    Command: args.join(' '),
    DaemonName: 'gantry',
  }
  return template.replace(/\{\{\s*(.*?)\s*\}\}/g, (_, word: string) => {
    const value = word.startsWith('.') ? values[word.slice(1)] : undefined
    if (value !== undefined) return value
    throw new GantryError('invalid_input', `log tag ${template} has {{${word}}}, which is not known`, {
      field: 'log.tag',
      value: template,
      remedy: `use ${Object.keys(values)
        .map((key) => `{{.${key}}}`)
        .join(', ')}`,
    })
  })
}
