const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** `1.5GiB`, `512B`; at most four significant digits. */
export function bytes(value: number): string {
  let power = 0
  while (value >= 1024 && power < units.length - 1) {
    value /= 1024
    power++
  }
  return `${power === 0 ? value : Number(value.toPrecision(4))}${units[power]}`
}

const spans: readonly (readonly [number, string])[] = [
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
]

/** `3 hours`, `1 minute`: the time between two RFC 3339 texts in its largest unit. */
export function span(from: string, to: Date): string {
  const seconds = Math.max(0, Math.floor((to.getTime() - Date.parse(from)) / 1000))
  for (const [length, name] of spans) {
    const count = Math.floor(seconds / length)
    if (count > 0) return `${count} ${name}${count === 1 ? '' : 's'}`
  }
  return 'less than a second'
}

/** The part of an id that people read. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12)
}
