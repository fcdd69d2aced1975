import type { Stats } from '@gantry/contracts'
import type { Command } from 'commander'
import { type Context, withAgent } from '../context.ts'
import { table } from '../output/table.ts'
import { bytes, shortId } from '../output/units.ts'

/** `stats` and `events`: what is going on. */
export function addStatsCommands(program: Command): void {
  program
    .command('stats')
    .description('use of cpu, memory, network and disk')
    .option('--no-stream', 'once')
    .option('--json', 'raw counters as JSON lines')
    .argument('[container...]')
    .action((containers: string[], flags: { stream: boolean; json?: boolean }, command: Command) =>
      withAgent(command, (context) => showStats(context, containers, flags)),
    )
  program
    .command('events')
    .description('what happens in the engine, from now on')
    .option('--json', 'as JSON lines')
    .action((flags: { json?: boolean }, command: Command) =>
      withAgent(command, async ({ agent, projectId, signal }) => {
        for await (const event of agent.stream('system.events', { projectId }, { signal })) {
          const attributes = Object.entries(event.attributes).map(([key, value]) => `${key}=${value}`)
          const time = new Date(Number(BigInt(event.timeNano) / 1_000_000n)).toISOString()
          console.log(flags.json ? JSON.stringify(event) : [time, event.type, event.action, shortId(event.id), ...attributes].join(' '))
        }
      }),
    )
}

async function showStats(context: Context, containers: string[], flags: { stream: boolean; json?: boolean }): Promise<void> {
  const { agent, projectId, signal } = context
  const read = () => agent.call('container.stats', { projectId, containers: containers.length > 0 ? containers : undefined })
  let before = await read()
  do {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const now = await read()
    if (flags.json) for (const one of now) console.log(JSON.stringify(one))
    else {
      if (flags.stream && process.stdout.isTTY) process.stdout.write('\x1b[H\x1b[2J')
      console.log(statsTable(before, now))
    }
    before = now
  } while (flags.stream && !signal.aborted)
}

function statsTable(before: readonly Stats[], now: readonly Stats[]): string {
  return table(
    ['CONTAINER ID', 'NAME', 'CPU', 'MEMORY', 'LIMIT', 'NET IN / OUT', 'BLOCK IN / OUT', 'PIDS'],
    now.map((stats) => {
      const earlier = before.find(({ id }) => id === stats.id)
      const links = Object.values(stats.network)
      const received = links.reduce((sum, link) => sum + link.rxBytes, 0)
      const sent = links.reduce((sum, link) => sum + link.txBytes, 0)
      return [
        shortId(stats.id),
        stats.name,
        earlier ? cpuPercent(earlier, stats) : '',
        bytes(Math.max(0, stats.memory.usageBytes - stats.memory.inactiveFileBytes)),
        stats.memory.limitBytes === 0 ? 'none' : bytes(stats.memory.limitBytes),
        `${bytes(received)} / ${bytes(sent)}`,
        `${bytes(stats.io.readBytes)} / ${bytes(stats.io.writeBytes)}`,
        String(stats.pids.current),
      ]
    }),
  )
}

/** Share of one cpu between two readings. */
function cpuPercent(before: Stats, now: Stats): string {
  const elapsedNs = Number(BigInt(now.timeNano) - BigInt(before.timeNano))
  if (elapsedNs <= 0) return '0.0%'
  return `${((100 * (now.cpu.usageNs - before.cpu.usageNs)) / elapsedNs).toFixed(1)}%`
}
