import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type ByteChannel, GantryError } from '@gantry/contracts'

/** Sends everything and says so: on the request's own connection when it has one. */
export async function send(channel: ByteChannel, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const socket = await channel.bulk
  if (socket) return pour(bytes, socket)
  for await (const piece of bytes) await channel.write(piece)
  channel.end()
}

/**
 * Everything that `bytes` has goes into the socket, which is ended then. When the socket closes before, the rest stays where it is: it is a
 * request's, whose sender is still to read the answer. When the sender breaks off, the socket is cut, so that nobody takes it for the end.
 */
function pour(bytes: AsyncIterable<Uint8Array>, socket: Socket): Promise<void> {
  const source = bytes instanceof Readable ? bytes : Readable.from(bytes)
  return new Promise((resolve, reject) => {
    const onData = (piece: Uint8Array) => {
      if (!socket.write(piece)) source.pause()
    }
    const onDrain = () => source.resume()
    const onEnd = () => {
      stop()
      socket.end(resolve)
    }
    const onBroken = () => {
      stop()
      socket.destroy()
      reject(new GantryError('cancelled', 'the sender broke off'))
    }
    const onClosed = () => {
      stop()
      source.pause()
      resolve()
    }
    const stop = () => {
      source.off('data', onData).off('end', onEnd).off('close', onBroken)
      socket.off('drain', onDrain).off('close', onClosed)
    }
    // What broke is told by the closing that follows.
    source.on('error', () => undefined)
    if (source.destroyed && !source.readableEnded) return onBroken()
    if (socket.destroyed) return onClosed()
    source.on('data', onData).on('end', onEnd).on('close', onBroken)
    socket.on('drain', onDrain).on('close', onClosed)
  })
}

/** Hands on what comes, each piece when the one before was taken. */
export async function receive(channel: ByteChannel, onBytes: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  channel.end()
  for await (const piece of channel.incoming) await onBytes(piece)
}

/** What comes as JSON lines, each handed on when the one before was taken. */
export async function readLines(channel: ByteChannel, onLine: (value: unknown) => Promise<void>): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of channel.incoming) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line) await onLine(JSON.parse(line))
  }
}
