import type { LogLine } from '@gantry/contracts'

/** What comes around the text in every line that our monitor and docker's json-file driver write. */
const HEAD = '{"log":"'
const TIME_CHARS = '2026-11-23T14:46:24.123456789Z'.length
const STREAM_CHARS = 'stdout'.length
/** `","stream":"stdout","time":"<30>"}` */
const TAIL_CHARS = '","stream":"'.length + STREAM_CHARS + '","time":"'.length + TIME_CHARS + '"}'.length

/**
 * One line of `text` (without its line end) as a log line; null when it is not one, as after a crash in mid-write.
 * The common shape is taken apart by position; anything else, and any text with an escape in it, goes through JSON.parse.
 */
export function parseLine(text: string, start: number, end: number): LogLine | null {
  const tail = end - TAIL_CHARS
  if (tail < start + HEAD.length || !text.startsWith(HEAD, start) || !hasTail(text, tail, end)) return parseSlowly(text.slice(start, end))
  const stream = text.charCodeAt(tail + '","stream":"std'.length) === 'o'.charCodeAt(0) ? 'stdout' : 'stderr'
  const time = text.slice(end - 2 - TIME_CHARS, end - 2)
  const content = text.slice(start + HEAD.length, tail)
  const partial = !content.endsWith('\\n')
  const body = partial ? content : content.slice(0, -2)
  if (!body.includes('\\')) return { stream, time, text: body, partial }
  return parseSlowly(text.slice(start, end))
}

function hasTail(text: string, at: number, end: number): boolean {
  return (
    text.startsWith('","stream":"std', at) &&
    text.startsWith('","time":"', at + '","stream":"'.length + STREAM_CHARS) &&
    text.charCodeAt(end - 3) === 'Z'.charCodeAt(0) &&
    text.startsWith('"}', end - 2)
  )
}

function parseSlowly(line: string): LogLine | null {
  const parsed = parseJson(line)
  if (parsed) return parsed
  // A torn line has the next one, whole, behind it.
  const again = line.lastIndexOf(HEAD)
  return again > 0 ? parseJson(line.slice(again)) : null
}

function parseJson(line: string): LogLine | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  if (typeof value !== 'object' || value === null) return null
  const { log, stream, time } = value as { log?: unknown; stream?: unknown; time?: unknown }
  if (typeof log !== 'string' || typeof time !== 'string' || (stream !== 'stdout' && stream !== 'stderr')) return null
  const partial = !log.endsWith('\n')
  return { stream, time: canonicalTime(time) ?? time, text: partial ? log : log.slice(0, -1), partial }
}

/** RFC 3339 in any zone and precision as UTC with nanoseconds, which sorts as text. Null when it is not a time. */
export function canonicalTime(time: string): string | null {
  const ms = Date.parse(time)
  if (Number.isNaN(ms)) return null
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? ''
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0').slice(0, 9)}Z`
}
