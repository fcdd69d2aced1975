import { GantryError } from '@gantry/contracts'

/** Go's zero time, where something has not happened. */
export const never = '0001-01-01T00:00:00Z'

/** Seconds since 1970 with a fraction, or RFC 3339, as RFC 3339 with nanoseconds. Undefined where nothing was said. */
export function readTime(name: string, text: string | undefined): string | undefined {
  if (text === undefined || text === '0') return undefined
  const [, seconds, fraction = ''] = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text) ?? []
  if (seconds !== undefined) return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text))) return text
  throw new GantryError('invalid_input', `invalid value for "${name}": ${text} is not a time`, { field: name, value: text })
}

/** Nanoseconds since 1970 of an RFC 3339 time. */
export function nanoseconds(time: string): bigint {
  const [, fraction = ''] = /\.(\d+)/.exec(time) ?? []
  return BigInt(Math.floor(Date.parse(time) / 1000)) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
}

const seconds = (time: string) => Math.floor(Date.parse(time) / 1000)
export const unixSeconds = (time: string): number => (time === '' ? 0 : seconds(time))

/** Go's units.HumanDuration, as `docker ps` shows it. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.round(ms / 3_600_000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`
  return `${Math.floor(hours / 24 / 365)} years`
}
