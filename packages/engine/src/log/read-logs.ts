import type { LogLine } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'

export interface LogOptions {
  readonly stdout: boolean
  readonly stderr: boolean
  /** RFC 3339, inclusive. */
  readonly since?: string
  /** RFC 3339, inclusive. */
  readonly until?: string
  /** Last N lines. */
  readonly tail?: number
  readonly follow: boolean
  /** Follow ends, all lines delivered, once this has fired (the container has ended). */
  readonly ended?: AbortSignal
}

/**
 * Lines of a json-file log and its rotated predecessors, oldest first, in batches.
 * @param file the newest file (`…/log/container.log`; `.1`, `.2`, … are older)
 */
// biome-ignore lint/correctness/useYield: replaced below
export async function* readLogs(_file: string, _options: LogOptions, _signal: AbortSignal): AsyncGenerator<{ lines: LogLine[] }> {
  throw new GantryError('unsupported', 'logs are not available yet')
}
