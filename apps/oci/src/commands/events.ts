import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, parseArgs } from '../args.ts'
import { readOomKills, readStats } from '../cgroup/stats.ts'
import type { Globals } from '../globals.ts'
import { sleep } from '../sleep.ts'
import { Container } from '../state/container.ts'

const LOOK_MS = 100

/** Counters now and then, and a line for every process that the OOM killer took; ends with the container. */
export function events(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, { stats: { kind: 'flag' }, interval: { kind: 'value' } }, true)
  expectWords(parsed, 'events [--stats] [--interval SECONDS] CONTAINER', 1)
  const seconds = Number((parsed.value('interval') ?? '5').replace(/s$/, ''))
  if (!(seconds > 0)) throw new GantryError('invalid_input', `--interval ${parsed.value('interval')} is not a number of seconds`)
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  const record = container.read()
  if (container.status(record) === 'stopped') throw new GantryError('wrong_state', `container ${container.id} is stopped`)
  const tell = (type: string, data?: unknown) =>
    process.stdout.write(`${JSON.stringify({ type, id: container.id, ...(data ? { data } : {}) })}\n`)
  tell('stats', readStats(record.cgroup))
  if (parsed.has('stats')) return
  let kills = readOomKills(record.cgroup)
  let next = Date.now() + seconds * 1000
  while (container.status(record) !== 'stopped') {
    sleep(LOOK_MS)
    const now = readOomKills(record.cgroup)
    for (; kills < now; kills++) tell('oom')
    if (Date.now() < next) continue
    tell('stats', readStats(record.cgroup))
    next += seconds * 1000
  }
}
