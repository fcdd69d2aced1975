import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type Socket, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { ByteChannel } from '@gantry/contracts'
import { expect, it } from 'vitest'
import { send } from './byte-streams.ts'

/** Both ends of a connection, and a channel that has one of them. */
async function connection() {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-streams-'))
  const server = createServer({ allowHalfOpen: true }).listen(join(folder, 'sock'))
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const ours = connect({ path: join(folder, 'sock'), allowHalfOpen: true })
  const [theirs] = (await accepted) as [Socket]
  ours.on('error', () => undefined)
  theirs.on('error', () => undefined)
  const channel: ByteChannel = {
    incoming: (async function* () {})(),
    write: async () => undefined,
    end: () => undefined,
    bulk: Promise.resolve(ours),
  }
  return {
    channel,
    theirs,
    [Symbol.dispose]() {
      ours.destroy()
      theirs.destroy()
      server.close()
      rmSync(folder, { recursive: true })
    },
  }
}

it('sends all of it, however slowly it is taken, and ends', async () => {
  using link = await connection()
  const sent = Buffer.alloc(8 * 1024 * 1024, 'x')
  const sending = send(
    link.channel,
    (async function* () {
      for (let at = 0; at < sent.length; at += 100_000) yield sent.subarray(at, at + 100_000)
    })(),
  )
  let bytes = 0
  for await (const piece of link.theirs) {
    bytes += (piece as Buffer).length
    await new Promise(setImmediate)
  }
  expect(bytes).toBe(sent.length)
  await sending
})

it('leaves the rest to the sender when the other side has closed, and cuts the connection when the sender breaks off', async () => {
  {
    using link = await connection()
    const source = new PassThrough()
    const sending = send(link.channel, source)
    source.write('begun')
    await once(link.theirs, 'data')
    link.theirs.destroy()
    await once(link.theirs, 'close')
    source.write('more')
    await sending
    expect(source.destroyed).toBe(false)
  }
  using link = await connection()
  const source = new PassThrough()
  const sending = send(link.channel, source)
  const closed = once(link.theirs.resume(), 'close')
  source.destroy(new Error('gone'))
  await expect(sending).rejects.toMatchObject({ code: 'cancelled' })
  link.theirs.end()
  await closed
})
