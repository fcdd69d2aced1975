import type { LogLine } from '@gantry/contracts'

/** A line of the log as clients print it. A partial line has no end of its own. */
export function logText({ time, text, partial }: LogLine, { timestamps, details }: { timestamps: boolean; details: boolean }): string {
  // `details` puts the log driver's attributes first; there are none.
  const body = `${details ? ' ' : ''}${text}${partial ? '' : '\n'}`
  return timestamps ? `${time} ${body}` : body
}
