import type { Socket } from 'node:net'
import type { ByteChannel } from '@gantry/contracts'

/** What the caller sends: the connection itself, to be given to another program, or else its bytes. */
export async function channelInput(channel: ByteChannel): Promise<Socket | AsyncIterable<Uint8Array>> {
  return (await channel.bulk) ?? channel.incoming
}
