const scale: Record<string, number> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/**
 * Reads a size as docker and people write it: `512m`, `1.5 GiB`, `64MB`, `1048576`. Letters are powers of 1024.
 * Returns undefined for empty text and NaN for what is not a size.
 */
export function parseBytes(text: string): number | undefined {
  const clean = text.trim().toLowerCase()
  if (clean === '') return undefined
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/.exec(clean)
  if (!match) return Number.NaN
  return Math.round(Number(match[1]) * (scale[match[2] ?? ''] ?? 1))
}

/** The shortest exact text of a size: 536870912 is `512m`; what is no round number stays in bytes. */
export function bytesText(bytes: number | undefined): string {
  if (bytes === undefined) return ''
  for (const [unit, size] of [
    ['g', 1024 ** 3],
    ['m', 1024 ** 2],
    ['k', 1024],
  ] as const) {
    if (bytes >= size && Number.isInteger((bytes / size) * 4)) return `${bytes / size}${unit}`
  }
  return bytes.toString()
}

/** CPUs as people write them (`0.5`, `2`, `250m`) in billionths; undefined for empty text, NaN for what is no number. */
export function parseCpus(text: string): number | undefined {
  const clean = text.trim().toLowerCase()
  if (clean === '') return undefined
  const milli = /^(\d+)m$/.exec(clean)
  if (milli) return Number(milli[1]) * 1_000_000
  return /^\d+(\.\d+)?$/.test(clean) ? Math.round(Number(clean) * 1e9) : Number.NaN
}

/** A whole number; undefined for empty text, NaN for anything else. */
export function parseCount(text: string): number | undefined {
  const clean = text.trim()
  if (clean === '') return undefined
  return /^-?\d+$/.test(clean) ? Number(clean) : Number.NaN
}
