import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ByteChannel } from '@gantry/contracts'

const nativeDir = process.env.GANTRY_NATIVE || fileURLToPath(new URL('../../../native/build', import.meta.url))

/**
 * Gives the agent everything that `fd` has to say. Its unpacker gets the descriptor itself, by a small program, as Node cannot send one;
 * without that program the bytes are sent.
 */
export async function handOver(fd: number, channel: ByteChannel): Promise<void> {
  const socket = await channel.bulk
  const program = `${nativeDir}/gantry-handover`
  if (socket && existsSync(program)) {
    const child = spawn(program, [], { stdio: [fd, 'ignore', 'inherit', socket] })
    await once(child, 'exit')
    socket.destroy()
    return
  }
  const source = createReadStream('', { fd, autoClose: false, highWaterMark: 1024 * 1024 })
  for await (const chunk of source as AsyncIterable<Uint8Array>) await channel.write(chunk)
  channel.end()
}
