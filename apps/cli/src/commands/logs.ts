import type { Command } from 'commander'
import { withAgent } from '../context.ts'
import { parseDurationMs, parseInteger } from '../flags/size.ts'
import { write } from '../terminal/session.ts'

interface LogFlags {
  follow?: boolean
  tail?: string
  since?: string
  until?: string
  timestamps?: boolean
}

export function addLogsCommand(program: Command): void {
  program
    .command('logs')
    .description('what a container has written')
    .option('-f, --follow', 'and what it will write')
    .option('-n, --tail <n>', 'only the last lines')
    .option('--since <time>', 'since a time (RFC 3339) or a duration ago (10m)')
    .option('--until <time>', 'until a time or a duration ago')
    .option('-t, --timestamps', 'with the time of every line')
    .argument('<container>')
    .action((container: string, flags: LogFlags, command: Command) =>
      withAgent(command, async ({ agent, projectId, signal }) => {
        const request = {
          projectId,
          container,
          follow: flags.follow ?? false,
          since: time('--since', flags.since),
          until: time('--until', flags.until),
          tail: flags.tail === undefined || flags.tail === 'all' ? undefined : parseInteger('--tail', flags.tail),
        }
        for await (const { lines } of agent.stream('container.logs', request, { signal })) {
          for (const stream of ['stdout', 'stderr'] as const) {
            const text = lines
              .filter((line) => line.stream === stream)
              .map((line) => `${flags.timestamps ? `${line.time} ` : ''}${line.text}${line.partial ? '' : '\n'}`)
              .join('')
            if (text !== '') await write(process[stream], Buffer.from(text))
          }
        }
      }),
    )
}

function time(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (/^\d{4}-\d\d-\d\d/.test(text)) return new Date(text).toISOString()
  return new Date(Date.now() - parseDurationMs(flag, text)).toISOString()
}
