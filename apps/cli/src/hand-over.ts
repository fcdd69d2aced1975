import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, existsSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { type ByteChannel, GantryError } from '@gantry/contracts'

const nativeDir = process.env.GANTRY_NATIVE || fileURLToPath(new URL('../../../native/build', import.meta.url))

/**
 * Gives the agent everything that `fd` has to say. Its unpacker gets the descriptor itself, by a small program, as Node cannot send one;
 * without that program the bytes are sent.
 */
export async function handOver(fd: number, channel: ByteChannel): Promise<void> {
  const socket = await channel.bulk
  if (!socket) throw new GantryError('internal', 'the request has no connection for its bytes')
  const program = `${nativeDir}/gantry-handover`
  if (existsSync(program)) {
    const child = spawn(program, [], { stdio: [fd, 'ignore', 'inherit', socket] })
    await once(child, 'exit')
    socket.destroy()
    return
  }
  await pipeline(createReadStream('', { fd, autoClose: false, highWaterMark: 1024 * 1024 }), socket)
}
