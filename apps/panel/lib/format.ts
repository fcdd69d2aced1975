const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** Bytes in binary units with at most three figures: `1.5 GiB`, `640 KiB`. */
export function formatBytes(bytes: number): string {
  let value = Math.abs(bytes)
  let unit = 0
  while (value >= 1023.5 && unit < byteUnits.length - 1) {
    value /= 1024
    unit++
  }
  return `${bytes < 0 ? '-' : ''}${threeFigures(value, unit === 0)} ${byteUnits[unit]}`
}

function threeFigures(value: number, whole: boolean): string {
  if (whole || value >= 99.95) return Math.round(value).toString()
  return trimZeros(value.toFixed(value >= 9.995 ? 1 : 2))
}
const trimZeros = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)

/** A share of one as percent: 0.256 is `25.6 %`. */
export function formatPercent(share: number): string {
  const percent = share * 100
  return `${percent >= 99.95 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`
}

/** Billionths of a cpu as a decimal number of cpus: `1.5`. */
export function formatCpus(nanoCpus: number): string {
  return trimZeros((nanoCpus / 1e9).toFixed(3))
}

/** Microseconds as milliseconds: `2.81 ms`. */
export function formatMs(us: number): string {
  return `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`
}

/** Seconds as the two largest units: `2 d 4 h`, `3 min 20 s`. */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return joined([Math.floor(s / 60), 'min'], [s % 60, 's'])
  if (s < 86_400) return joined([Math.floor(s / 3600), 'h'], [Math.floor((s % 3600) / 60), 'min'])
  return joined([Math.floor(s / 86_400), 'd'], [Math.floor((s % 86_400) / 3600), 'h'])
}
const joined = (...parts: [number, string][]) =>
  parts
    .filter(([amount], index) => index === 0 || amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ')

/** Docker's 12 digits of an id or digest. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12)
}

/** A time of day or a date with time, in the reader's zone; '' for "never". */
export function formatTime(rfc3339: string, locale: string): string {
  if (!rfc3339) return ''
  const date = new Date(rfc3339)
  if (Number.isNaN(date.getTime())) return rfc3339
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' }).format(date)
}

const steps: [limit: number, size: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, 'second'],
  [3600, 60, 'minute'],
  [86_400, 3600, 'hour'],
  [86_400 * 30, 86_400, 'day'],
  [86_400 * 365, 86_400 * 30, 'month'],
  [Number.POSITIVE_INFINITY, 86_400 * 365, 'year'],
]
/** `3 minutes ago` in the reader's language. */
export function formatAgo(rfc3339: string, locale: string, nowMs: number): string {
  const then = Date.parse(rfc3339)
  if (!rfc3339 || Number.isNaN(then)) return ''
  const seconds = (then - nowMs) / 1000
  const step = steps.find(([limit]) => Math.abs(seconds) < limit)
  const [, size, unit] = step ?? [0, 1, 'second' as const]
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' }).format(Math.trunc(seconds / size), unit)
}
