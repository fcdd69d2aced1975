import type { LogLine } from '@gantry/contracts'
import { z } from 'zod'
import { journalLines, syncJournal } from '../kernel/journal.ts'
import { createFilter } from './line-filter.ts'
import type { LogOptions } from './read-logs.ts'

/** An entry as `journalctl --output=json --all` prints it; what is no text comes as a list of bytes (systemd.journal-fields(7)). */
const entrySchema = z.object({
  __CURSOR: z.string(),
  __REALTIME_TIMESTAMP: z.string().regex(/^\d+$/),
  PRIORITY: z.string().optional(),
  MESSAGE: z.union([z.string(), z.array(z.number()), z.null()]).optional(),
  CONTAINER_PARTIAL_MESSAGE: z.string().optional(),
})
type Entry = z.output<typeof entrySchema>

/** syslog's severities that stand for the streams: the monitor sends stdout as info and stderr as error, as docker does. */
const severities = { stdout: '6', stderr: '3' } as const

/**
 * Lines of a container in the host's journal, oldest first, with the options of `readLogs`. Entries count that root sent under the
 * container's full id: others may write into the journal, too. Ending, it follows until everything sent before has arrived.
 */
export async function* readJournal(
  journalctl: string,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<{ lines: LogLine[] }> {
  const filter = createFilter(options)
  const matches = [`CONTAINER_ID_FULL=${containerId}`, '_UID=0', ...streamMatch(options)]
  const args = ['--output=json', '--all', '--quiet', '--no-pager', '--output-fields=MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE']
  const lines = options.tail === undefined ? ['--lines=all'] : [`--lines=${options.tail}`]
  const since = filter.since && options.tail === undefined ? [`--since=@${Math.floor(Date.parse(filter.since) / 1000)}`] : []
  await syncJournal(journalctl)
  if (signal.aborted) return
  let cursor: string | undefined
  const read = async function* (extra: readonly string[], until: AbortSignal) {
    for await (const texts of journalLines(journalctl, [...args, ...extra, ...matches], until)) {
      const entries = texts.map((text) => entrySchema.parse(JSON.parse(text)))
      cursor = entries.at(-1)?.__CURSOR ?? cursor
      const taken = entries.flatMap((entry) => filter.take(lineText(entry)))
      if (taken.length > 0) yield { lines: taken }
      if (filter.done) return
    }
  }
  if (options.follow) {
    yield { lines: [] }
    yield* read(['--follow', ...lines, ...since], either(signal, options.ended))
    if (signal.aborted || filter.done) return
    await syncJournal(journalctl)
    // Nothing was seen yet: what was asked for is read as if nobody had followed.
    yield* read(cursor === undefined ? [...lines, ...since] : ['--lines=all', `--after-cursor=${cursor}`], signal)
  } else yield* read([...lines, ...since], signal)
}

function streamMatch({ stdout, stderr }: LogOptions): string[] {
  return stdout === stderr ? [] : [`PRIORITY=${stdout ? severities.stdout : severities.stderr}`]
}

/** As the log's own files have it, so that one filter serves both. */
function lineText(entry: Entry): string {
  const { MESSAGE: message } = entry
  const text = Array.isArray(message) ? Buffer.from(message).toString() : (message ?? '')
  const stream = entry.PRIORITY === severities.stderr ? 'stderr' : 'stdout'
  const log = entry.CONTAINER_PARTIAL_MESSAGE === 'true' ? text : `${text}\n`
  return JSON.stringify({ log, stream, time: timeOf(entry.__REALTIME_TIMESTAMP) })
}

/** RFC 3339 with nanoseconds, of which the journal knows microseconds. */
function timeOf(microseconds: string): string {
  const seconds = new Date(Number(microseconds.slice(0, -6)) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${microseconds.slice(-6)}000Z`
}

function either(signal: AbortSignal, ended: AbortSignal | undefined): AbortSignal {
  return ended ? AbortSignal.any([signal, ended]) : signal
}
