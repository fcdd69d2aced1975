import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LogLine } from '@gantry/contracts'
import { createFilter, type LineFilter } from './line-filter.ts'
import { LogCursor } from './log-cursor.ts'
import { type LogFile, openAll, openNext } from './log-files.ts'
import { type Position, tailPosition } from './tail.ts'
import { type Wake, watchLog } from './wake.ts'

export interface LogOptions {
  readonly stdout: boolean
  readonly stderr: boolean
  /** RFC 3339, inclusive. */
  readonly since?: string
  /** RFC 3339, inclusive. */
  readonly until?: string
  /** Last N lines of the chosen streams, before `since` and `until` are applied, as docker does. */
  readonly tail?: number
  readonly follow: boolean
  /** Follow ends, all lines delivered, once this has fired (the container has ended). */
  readonly ended?: AbortSignal
}

/**
 * Lines of a json-file log and its rotated predecessors, oldest first, in batches of a block's worth. `text` is without the
 * line end; `partial` lines had none, the next line of the stream goes on where they end.
 * Following neither loses nor repeats lines when the log is rotated. An absent log is an empty one. The first batch of one who follows
 * is empty and says that the log is open: all of it will come, even when it is removed.
 * @param path the newest file (`…/log/container.log`; `.1`, `.2`, … are older)
 * @throws GantryError `invalid_input` for a `since` or `until` that is no time
 */
export async function* readLogs(path: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<{ lines: LogLine[] }> {
  const filter = createFilter(options)
  if (!existsSync(dirname(path))) return
  // The watch begins before the first look, so that nothing falls between the two.
  const wake = options.follow ? watchLog(path, [signal, options.ended]) : undefined
  const files = await openAll(path)
  try {
    if (wake) yield { lines: [] }
    const from = await startPosition(files, options, filter)
    let last: LogCursor | undefined
    for (const [index, file] of files.entries()) {
      if (index < from.file) continue
      last = new LogCursor(file, index === from.file ? from.offset : 0)
      const isNewest = index === files.length - 1
      yield* drain(last, filter, signal, !(wake && isNewest))
      if (filter.done || signal.aborted) return
    }
    if (wake) yield* follow({ path, files, last, wake, filter, signal, ended: options.ended })
  } finally {
    wake?.close()
    await Promise.all(files.map((file) => file.handle.close()))
  }
}

/** Files last written before `since` are left out; `tail` counts from the back. */
async function startPosition(files: readonly LogFile[], options: LogOptions, filter: LineFilter): Promise<Position> {
  if (options.tail !== undefined) {
    const only = options.stdout === options.stderr ? undefined : options.stdout ? ('stdout' as const) : ('stderr' as const)
    return tailPosition(files, options.tail, only)
  }
  const sinceMs = filter.since ? Date.parse(filter.since) : 0
  const first = files.findIndex((file) => file.modifiedMs >= sinceMs)
  return { file: first < 0 ? files.length : first, offset: 0 }
}

/** Everything that is there now. `closed`: nobody writes this file any more, so that a last line without its end is all there will be. */
async function* drain(cursor: LogCursor, filter: LineFilter, signal: AbortSignal, closed: boolean): AsyncGenerator<{ lines: LogLine[] }> {
  while (!signal.aborted && !filter.done) {
    const lines = await cursor.next(filter)
    if (!lines) break
    if (lines.length > 0) yield { lines }
  }
  if (!closed || signal.aborted || filter.done) return
  const rest = await cursor.rest(filter)
  if (rest.length > 0) yield { lines: rest }
}

interface Following {
  readonly path: string
  /** Open files, closed by the caller; files begun meanwhile are added. */
  readonly files: LogFile[]
  readonly last: LogCursor | undefined
  readonly wake: Wake
  readonly filter: LineFilter
  readonly signal: AbortSignal
  readonly ended?: AbortSignal
}

/**
 * Reads to the end, then waits for a change. When a newer file exists, the current one is read to its end once more: the
 * writer renames it before it begins the next, so nothing can be added after that.
 */
async function* follow({ path, files, last, wake, filter, signal, ended }: Following): AsyncGenerator<{ lines: LogLine[] }> {
  let cursor = last
  while (!signal.aborted && !filter.done) {
    const isEnded = ended?.aborted ?? false
    if (cursor) yield* drain(cursor, filter, signal, isEnded)
    const next: LogFile | null = cursor ? await openNext(path, cursor.file) : ((await openAll(path))[0] ?? null)
    if (next) {
      if (cursor) yield* drain(cursor, filter, signal, true)
      files.push(next)
      cursor = new LogCursor(next, 0)
      continue
    }
    if (isEnded) return
    await wake.wait()
  }
}
