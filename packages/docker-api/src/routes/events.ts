import { type EngineEvent, GantryError } from '@gantry/contracts'
import { watchEvents } from '@gantry/core'
import { z } from 'zod'
import { filters, type Filters } from '../filters.ts'
import { text } from '../query.ts'
import { type Call, type Route, route } from '../route.ts'
import { isShown, toEvent } from '../translate/event.ts'
import { nanoseconds, readTime } from '../translate/times.ts'
import { jsonStream } from '../wire/json-stream.ts'

const keys = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
]

export const eventRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/events',
    query: z.object({ since: text, until: text, filters: filters(...keys) }),
    handle(call) {
      const bounds = { since: bound('since', call.query.since), until: bound('until', call.query.until) }
      if (bounds.since !== undefined && bounds.until !== undefined && bounds.since > bounds.until) {
        throw new GantryError('invalid_input', `\`since\` time (${call.query.since}) cannot be after \`until\` time (${call.query.until})`)
      }
      return jsonStream(call, events(call, bounds, call.query.filters), { atOnce: true })
    },
  }),
]

interface Bounds {
  since: bigint | undefined
  until: bigint | undefined
}

function bound(name: string, given: string | undefined): bigint | undefined {
  const time = readTime(name, given)
  return time === undefined ? undefined : nanoseconds(time)
}

async function* events(call: Call, { since, until }: Bounds, filters: Filters): AsyncGenerator<object> {
  const leftMs = until === undefined ? undefined : Number(until / 1_000_000n) - Date.now()
  const over = leftMs !== undefined && leftMs <= 0
  // A position that never was: the agent tells all it still knows.
  const position = since === undefined ? (over ? 'none:0' : undefined) : 'none:0'
  const end = new AbortController()
  const timer = leftMs !== undefined && !over ? setTimeout(() => end.abort(), Math.min(leftMs, 2 ** 31 - 1)) : undefined
  try {
    for await (const event of call.watch(watchEvents, { lastEventId: position, follow: !over }, end.signal)) {
      if (isWithin(event, since, until) && isShown(event, filters)) yield toEvent(event, call.version)
    }
  } catch (error) {
    if (!end.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
  }
}

function isWithin({ timeNano }: EngineEvent, since: bigint | undefined, until: bigint | undefined): boolean {
  const time = BigInt(timeNano)
  return (since === undefined || time >= since) && (until === undefined || time <= until)
}
