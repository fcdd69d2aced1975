import type { ByteChannel } from '@gantry/contracts'

/** Sends everything and says so. */
export async function send(channel: ByteChannel, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of bytes) await channel.write(piece)
  channel.end()
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
