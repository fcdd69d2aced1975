import { type ContainerSpecInput, GantryError, logDrivers, type LogSpec, syslogFacilities } from '@gantry/contracts'
import { z } from 'zod'
import { optional, textMap, word } from './fields.ts'

export const logConfigSchema = optional(z.object({ Type: word, Config: textMap }))
type Options = Record<string, string>

/** Which options each driver has (moby, daemon/logger/*). */
const common = ['mode', 'max-buffer-size']
const attributes = ['labels', 'labels-regex', 'env', 'env-regex', 'tag']
const known: Record<(typeof logDrivers)[number], readonly string[]> = {
  'json-file': ['max-size', 'max-file', 'compress', ...attributes],
  local: ['max-size', 'max-file', 'compress', ...attributes],
  none: [],
  journald: attributes,
  syslog: ['syslog-address', 'syslog-facility', 'syslog-format', ...attributes],
}
/** Docker's own of `local`; json-file grows without end there, which is not for a machine with several owners. */
const localDefaults = { maxSizeBytes: 20 * 1024 * 1024, maxFiles: 5 }
/** Docker's -1: never rotated. */
const unlimitedBytes = 2 ** 50

/** `HostConfig.LogConfig`, with Docker's words for what is wrong in it. */
export function toLog(config: z.output<typeof logConfigSchema>): ContainerSpecInput['log'] {
  const type = config?.Type ?? 'json-file'
  const options = config?.Config ?? {}
  const driver = logDrivers.find((name) => name === type)
  if (!driver) throw invalid(`logger: no log driver named '${type}' is registered`)
  const unknown = Object.keys(options).find((name) => ![...common, ...known[driver]].includes(name))
  if (unknown !== undefined) throw invalid(`unknown log opt '${unknown}' for ${driver} log driver`)
  const log: ContainerSpecInput['log'] = { driver, ...files(driver, options), ...lines(options), ...mode(options) }
  return driver === 'syslog' ? { ...log, syslog: syslog(options) } : log
}

function files(driver: string, options: Options): ContainerSpecInput['log'] {
  const { 'max-size': size, 'max-file': count, compress } = options
  const maxSizeBytes = size === undefined ? undefined : size === '-1' ? unlimitedBytes : parseBytes(size)
  if (count !== undefined && !(/^\d+$/.test(count) && Number(count) >= 1)) throw invalid('max-file cannot be less than 1')
  if (compress === 'true' && driver === 'json-file' && (Number(count ?? 1) < 2 || size === undefined)) {
    throw invalid('compress cannot be true when max-file is less than 2 or max-size is not set')
  }
  // Docker keeps one file where only a size was said.
  const maxFiles = count === undefined ? (size === undefined || driver === 'local' ? undefined : 1) : Number(count)
  return {
    ...(driver === 'local' ? localDefaults : {}),
    ...(maxSizeBytes === undefined ? {} : { maxSizeBytes }),
    ...(maxFiles === undefined ? {} : { maxFiles }),
    ...(compress === undefined ? {} : { compress: compress === 'true' }),
  }
}

function lines({ labels, env, tag, 'labels-regex': labelsRegex, 'env-regex': envRegex }: Options): ContainerSpecInput['log'] {
  const names = (text: string | undefined) => text?.split(',').filter(Boolean)
  return { labels: names(labels), env: names(env), labelsRegex, envRegex, tag: tag || undefined }
}

function mode({ mode: text = 'blocking', 'max-buffer-size': buffer }: Options): ContainerSpecInput['log'] {
  if (text !== 'blocking' && text !== 'non-blocking') throw invalid(`logger: logging mode "${text}" is not supported`)
  if (buffer !== undefined && text !== 'non-blocking') {
    throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
  }
  if (buffer !== undefined) parseBytes(buffer)
  return { mode: text }
}

function syslog(options: Options): NonNullable<ContainerSpecInput['log']>['syslog'] {
  const { 'syslog-address': address, 'syslog-facility': name = 'daemon', 'syslog-format': format } = options
  // A facility may be given by its number (syslog(3)).
  const facility = /^\d+$/.test(name) ? syslogFacilities[Number(name)] : syslogFacilities.find((one) => one === name)
  if (!facility) throw invalid('invalid syslog facility')
  if (format && !['rfc3164', 'rfc5424', 'rfc5424micro'].includes(format)) throw invalid('Invalid syslog format')
  return { address: address || undefined, facility, format: (format || undefined) as LogSpec['syslog']['format'] }
}

export function parseBytes(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text) ?? []
  if (digits === undefined) throw invalid(`invalid size: '${text}'`)
  return Math.floor(Number(digits) * 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(unit.toLowerCase()))
}

function invalid(message: string): GantryError {
  return new GantryError('invalid_input', message, { field: 'HostConfig.LogConfig' })
}

/** The way back, for inspect: only what is not as it comes. */
export function fromLog(log: LogSpec): { Type: string; Config: Options } {
  if (log.driver === 'none') return { Type: log.driver, Config: {} }
  const file = log.driver === 'json-file' || log.driver === 'local'
  const said: [string, string | undefined][] = [
    ['max-size', file ? formatBytes(log.maxSizeBytes) : undefined],
    ['max-file', file ? String(log.maxFiles) : undefined],
    ['compress', log.compress === undefined ? undefined : String(log.compress)],
    ['labels', log.labels.join(',')],
    ['labels-regex', log.labelsRegex],
    ['env', log.env.join(',')],
    ['env-regex', log.envRegex],
    ['tag', log.tag],
    ['mode', log.mode === 'blocking' ? undefined : log.mode],
    ...(log.driver === 'syslog' ? syslogWords(log.syslog) : []),
  ]
  return { Type: log.driver, Config: Object.fromEntries(said.filter((pair): pair is [string, string] => !!pair[1])) }
}

function syslogWords({ address, facility, format }: LogSpec['syslog']): [string, string | undefined][] {
  return [
    ['syslog-address', address],
    ['syslog-facility', facility],
    ['syslog-format', format],
  ]
}

function formatBytes(bytes: number): string {
  if (bytes >= unlimitedBytes) return '-1'
  const [size, unit] = (
    [
      [1024 ** 3, 'g'],
      [1024 ** 2, 'm'],
      [1024, 'k'],
    ] as const
  ).find(([size]) => bytes % size === 0) ?? [1, '']
  return `${bytes / size}${unit}`
}
