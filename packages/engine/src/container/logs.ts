import { GantryError, type LogLine } from '@gantry/contracts'
import { findJournalctl } from '../kernel/journal.ts'
import { readJournal } from '../log/read-journal.ts'
import { readLogs } from '../log/read-logs.ts'
import type { Container } from './container.ts'
import { logPath } from './inspect.ts'
import type { Parts } from './parts.ts'

export interface LogRequest {
  readonly follow: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly since?: string
  readonly until?: string
  readonly tail?: number
}

/** Lines of the container's log. Following ends when the container does. */
export async function* containerLogs(
  parts: Parts,
  container: Container,
  request: LogRequest,
  signal: AbortSignal,
): AsyncGenerator<{ lines: LogLine[] }> {
  const { driver } = container.record.spec.log
  const journalctl = driver === 'journald' ? findJournalctl() : undefined
  if (driver !== 'json-file' && driver !== 'local' && journalctl === undefined) {
    throw new GantryError('unsupported', 'configured logging driver does not support reading', { field: 'log.driver', value: driver })
  }
  const ended = new AbortController()
  const stopWaiting = new AbortController()
  if (request.follow) {
    container.wait('not-running', stopWaiting.signal).then(
      () => ended.abort(),
      () => {},
    )
  }
  try {
    const options = { ...request, ended: ended.signal }
    if (journalctl === undefined) yield* readLogs(logPath(parts, container), options, signal)
    else yield* readJournal(journalctl, container.id, options, signal)
  } finally {
    stopWaiting.abort()
  }
}
