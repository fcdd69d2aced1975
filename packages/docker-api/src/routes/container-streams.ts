import { setTimeout as delay } from 'node:timers/promises'
import { type ContainerInspect, GantryError, type Stats } from '@gantry/contracts'
import { attachContainer, awaitExit, getContainer, projectHost, readStats, tellContainer, watchContainer, watchLogs } from '@gantry/core'
import { z } from 'zod'
import { flag, flagOn, text } from '../query.ts'
import { type Call, type Route, json, route } from '../route.ts'
import { logText } from '../translate/log-lines.ts'
import { type StatsHost, noStats, toStats } from '../translate/stats.ts'
import { readTime } from '../translate/times.ts'
import { DetachKeys } from '../wire/detach-keys.ts'
import { jsonStream } from '../wire/json-stream.ts'
import { pipeBytes } from '../wire/pipe-bytes.ts'
import type { HijackedStream } from '../wire/hijack.ts'
import { stdcopyFrame, streamType } from '../wire/stdcopy.ts'
import { unframe } from '../wire/unframe.ts'
import { reference } from './containers.ts'

const attachQuery = z.object({ stream: flag, stdin: flag, stdout: flag, stderr: flag, logs: flag, detachKeys: text })
const logsQuery = z.object({
  follow: flag,
  stdout: flag,
  stderr: flag,
  since: text,
  until: text,
  timestamps: flag,
  details: flag,
  tail: text,
})
const conditions = ['not-running', 'next-exit', 'removed'] as const

export const containerStreamRoutes: readonly Route[] = [
  route({ method: 'POST', path: '/containers/{id}/attach', query: attachQuery, hijacks: true, handle: attach }),
  route({ method: 'GET', path: '/containers/{id}/attach/ws', query: attachQuery, hijacks: true, handle: attachByWebSocket }),
  route({
    method: 'POST',
    path: '/containers/{id}/wait',
    query: z.object({ condition: text }),
    handle: (call) => wait(call, call.query.condition ?? 'not-running'),
  }),
  route({ method: 'GET', path: '/containers/{id}/logs', query: logsQuery, handle: logs }),
  route({
    method: 'GET',
    path: '/containers/{id}/stats',
    query: z.object({ stream: flagOn, 'one-shot': flag }),
    handle: (call) => stats(call, { stream: call.query.stream, oneShot: call.query['one-shot'] }),
  }),
]

type IdCall<Q = unknown> = Call<'/{id}', Q>

const find = (call: IdCall): Promise<ContainerInspect> => call.run(getContainer, { container: reference(call.params.id) })

type AttachCall = IdCall<z.output<typeof attachQuery>>

async function attach(call: AttachCall): Promise<undefined> {
  const opened = await openAttached(call, call.query)
  return carry(call, opened, async () => call.hijack(streamType(call.version, opened.tty)))
}

/** For browsers. One WebSocket shows both streams, without frames, as it has messages of its own. */
async function attachByWebSocket(call: AttachCall): Promise<undefined> {
  // Before 1.42 nobody was asked what is to be attached.
  const streams = call.version < 42 ? { stdin: true, stdout: true, stderr: true } : {}
  const opened = await openAttached(call, { ...call.query, ...streams })
  const { channel, result } = opened.bytes
  const incoming = opened.tty ? channel.incoming : unframe(channel.incoming)
  const plain = { incoming, write: (bytes: Uint8Array) => channel.write(bytes), end: () => channel.end() }
  return carry(call, { ...opened, bytes: { channel: plain, result } }, () => call.webSocket())
}

async function openAttached(call: AttachCall, { stream, stdin, stdout, stderr, logs, detachKeys }: AttachCall['query']) {
  if (!stream && !logs) throw new GantryError('invalid_input', 'Either the stream or logs parameter must be set')
  const { id, spec, state } = await find(call)
  const keys = new DetachKeys(detachKeys)
  if (state.status === 'paused' || state.status === 'restarting') {
    throw new GantryError('wrong_state', `Container ${id} is ${state.status}: it cannot be attached to`)
  }
  const input = stdin && stream && spec.openStdin
  const abort = new AbortController()
  const signal = AbortSignal.any([call.signal, abort.signal])
  const open = input ? attachContainer(signal) : watchContainer(signal)
  const bytes = await call.run(open, { container: id, stdout, stderr, logs })
  return {
    id,
    bytes,
    abort,
    tty: spec.tty,
    options: { detachKeys: spec.tty ? keys : undefined, input, closesInput: spec.stdinOnce && !spec.tty },
  }
}

async function carry(
  call: Pick<Call, 'run'>,
  { id, bytes, abort, options }: Awaited<ReturnType<typeof openAttached>>,
  connect: () => Promise<HijackedStream>,
): Promise<undefined> {
  let stream: HijackedStream | undefined
  try {
    stream = await connect()
    if (await pipeBytes(stream, bytes, options)) await tellDetached(call, id)
  } catch (error) {
    // The container was removed before it ran, or the right to it was lost: the end of the output says as much.
    if (!stream || !(error instanceof GantryError)) throw error
  } finally {
    stream?.end()
    abort.abort()
  }
  return undefined
}

/** The container may be gone by now, which is nobody's loss. */
async function tellDetached(call: Pick<Call, 'run'>, container: string): Promise<void> {
  await call.run(tellContainer, { container, action: 'detach' }).catch((error) => {
    if (!(error instanceof GantryError)) throw error
  })
}

async function wait(call: IdCall, condition: string): Promise<undefined> {
  const known = conditions.find((name) => name === condition)
  if (!known) throw new GantryError('invalid_input', `invalid condition: "${condition}"`, { field: 'condition', value: condition })
  const { id } = await find(call)
  const exits = call.watch(awaitExit, { container: id, condition: known })
  // Asked first, so that no exit is missed; then the head, which clients wait for before they start the container.
  await exits.next()
  const out = call.stream('application/json')
  const { value: exit } = await exits.next()
  if (!exit) out.cut()
  else out.end(`${JSON.stringify({ StatusCode: exit.exitCode })}\n`)
  return undefined
}

async function logs(call: IdCall<z.output<typeof logsQuery>>): Promise<undefined> {
  const { follow, stdout, stderr, timestamps, details, tail } = call.query
  if (!stdout && !stderr) throw new GantryError('invalid_input', 'Bad parameters: you must choose at least one stream')
  const { id, spec } = await find(call)
  const lines = call.watch(watchLogs, {
    container: id,
    follow,
    tellOpen: true,
    stdout,
    stderr,
    since: readTime('since', call.query.since),
    until: readTime('until', call.query.until),
    tail: tail === undefined || tail === 'all' || !/^\d{1,9}$/.test(tail) ? undefined : Math.min(Number(tail), 100_000),
  })
  // The first batch may be a refusal; what comes after it can only break off. To one who follows it says that the log is open, so that
  // a client which has the head may remove the container.
  const first = await lines.next()
  const out = call.stream(streamType(call.version, spec.tty))
  const write = (batch: Parameters<typeof logText>[0][]) =>
    out.write(Buffer.concat(batch.map((line) => frame(spec.tty, line.stream, logText(line, { timestamps, details })))))
  if (!first.done) {
    await write(first.value)
    for await (const batch of lines) await write(batch)
  }
  out.end()
  return undefined
}

const frame = (tty: boolean, stream: 'stdout' | 'stderr', text: string): Buffer =>
  tty ? Buffer.from(text) : stdcopyFrame(stream === 'stdout' ? 1 : 2, text)

const everyMs = 1_000

async function stats(call: IdCall, { stream, oneShot }: { stream: boolean; oneShot: boolean }) {
  const { id, name } = await find(call)
  const host = await call.run(projectHost, {})
  if (stream) return jsonStream(call, sampled(call, { id, name }, host), { atOnce: true })
  const before = await call.run(readStats, { container: id })
  if (!before) return json(noStats(id, name))
  if (oneShot) return json(toStats(before, undefined, host))
  await delay(everyMs, undefined, { signal: call.signal })
  const now = await call.run(readStats, { container: id })
  return json(now ? toStats(now, before, host) : noStats(id, name))
}

/** A sample every second, of nothing while the container does not run, until it is removed or the client leaves. */
async function* sampled(call: IdCall, { id, name }: { id: string; name: string }, host: StatsHost): AsyncGenerator<object> {
  let before: Stats | undefined
  while (!call.signal.aborted) {
    let now: Stats | undefined
    try {
      now = await call.run(readStats, { container: id })
    } catch (error) {
      if (error instanceof GantryError && error.code === 'not_found') return
      throw error
    }
    yield now ? toStats(now, before, host) : noStats(id, name)
    before = now
    await delay(everyMs, undefined, { signal: call.signal }).catch(() => undefined)
  }
}
