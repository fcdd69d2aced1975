import { GantryError } from '@gantry/contracts'

const powers: Record<string, number> = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4 }

/** `512m`, `1.5GiB`, `1024`: bytes, in powers of 1024 as docker reads them. `-1` is passed on where the flag allows it. */
export function parseSize(flag: string, text: string): number {
  if (text === '-1') return -1
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text)
  const power = powers[(match?.[2] ?? '').toLowerCase()]
  if (!match || power === undefined) {
    throw new GantryError('invalid_input', `${flag}: ${text} is not a size such as 512m or 2g`, { field: flag, value: text })
  }
  return Math.floor(Number(match[1]) * 1024 ** power)
}

/** A whole number. */
export function parseInteger(flag: string, text: string): number {
  if (!/^-?\d+$/.test(text)) throw new GantryError('invalid_input', `${flag}: ${text} is not a whole number`, { field: flag, value: text })
  return Number(text)
}

/** `--cpus 1.5` as billionths. */
export function parseCpus(flag: string, text: string): number {
  const cpus = Number(text)
  if (!Number.isFinite(cpus) || cpus <= 0) {
    throw new GantryError('invalid_input', `${flag}: ${text} is not a number of cpus such as 0.5`, { field: flag, value: text })
  }
  return Math.round(cpus * 1e9)
}

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `30s`, `1m30s`, `500ms`: milliseconds. */
export function parseDurationMs(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    throw new GantryError('invalid_input', `${flag}: ${text} is not a duration such as 30s or 1m30s`, { field: flag, value: text })
  }
  return Math.round(parts.reduce((sum, part) => sum + Number(part[1]) * (unitMs[part[2] ?? ''] ?? 0), 0))
}
