import { GantryError, type LogLine } from '@gantry/contracts'
import { canonicalTime, parseLine } from './json-line.ts'

export interface LineFilter {
  /** The wanted lines of a text that consists of whole lines. */
  take(text: string): LogLine[]
  /** True once a line later than `until` was seen: nothing that follows is wanted. */
  readonly done: boolean
  /** UTC with nanoseconds; '' without a bound. */
  readonly since: string
}

/** @throws GantryError `invalid_input` for a bound that is no RFC 3339 time */
export function createFilter(options: { stdout: boolean; stderr: boolean; since?: string; until?: string }): LineFilter {
  const since = options.since ? bound('since', options.since) : ''
  const until = options.until ? bound('until', options.until) : ''
  const everything = options.stdout && options.stderr && !since && !until
  let done = false
  const wanted = (line: LogLine) => {
    if (until && line.time > until) done = true
    return !done && line.time >= since && (line.stream === 'stdout' ? options.stdout : options.stderr)
  }
  return {
    since,
    get done() {
      return done
    },
    take(text) {
      const lines: LogLine[] = []
      for (let start = 0; start < text.length && !done; ) {
        const found = text.indexOf('\n', start)
        const end = found < 0 ? text.length : found
        const line = parseLine(text, start, end)
        if (line && (everything || wanted(line))) lines.push(line)
        start = end + 1
      }
      return lines
    },
  }
}

function bound(field: string, value: string): string {
  const time = canonicalTime(value)
  if (time) return time
  throw new GantryError('invalid_input', `${field} ${value} is not a time`, { field, value, remedy: 'write it as 2026-01-31T12:00:00Z' })
}
