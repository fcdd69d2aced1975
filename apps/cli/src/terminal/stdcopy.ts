/** One piece of output of a process without a terminal. */
export interface OutputPiece {
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Uint8Array
}

const headerBytes = 8

/**
 * Takes docker's stdcopy frames apart: 1 byte stream (1 stdout, 2 stderr), 3 zero bytes, 4 bytes length (big-endian), payload.
 * Pieces of a payload are passed on as they come, so a large frame is never held whole.
 */
export async function* demultiplex(incoming: AsyncIterable<Uint8Array>): AsyncGenerator<OutputPiece> {
  let header = Buffer.alloc(0)
  let stream: OutputPiece['stream'] = 'stdout'
  let left = 0
  for await (const chunk of incoming) {
    let rest = chunk
    while (rest.length > 0) {
      if (left === 0) {
        const take = Math.min(headerBytes - header.length, rest.length)
        header = Buffer.concat([header, rest.subarray(0, take)])
        rest = rest.subarray(take)
        if (header.length < headerBytes) break
        stream = header[0] === 2 ? 'stderr' : 'stdout'
        left = header.readUInt32BE(4)
        header = Buffer.alloc(0)
        continue
      }
      const bytes = rest.subarray(0, left)
      rest = rest.subarray(bytes.length)
      left -= bytes.length
      yield { stream, bytes }
    }
  }
}
