import { GantryError } from '@gantry/contracts'

const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Docker's `until`: seconds since 1970, a date, or so long ago as Go writes it (`1h30m`). As RFC 3339. */
export function toMoment(text: string, now = Date.now()): string {
  const duration = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)]
  const isDuration = duration.length > 0 && duration.map(([whole]) => whole).join('') === text
  const moment = isDuration
    ? now - duration.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ''] ?? 0), 0)
    : /^\d+(\.\d+)?$/.test(text)
      ? Number(text) * 1000
      : Date.parse(text)
  const date = new Date(moment)
  if (Number.isNaN(date.getTime()))
    throw new GantryError('invalid_input', `invalid value for "until": ${text}`, { field: 'filters', value: text })
  return date.toISOString()
}
