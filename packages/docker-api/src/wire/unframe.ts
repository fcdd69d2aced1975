const headBytes = 8

/** The bytes inside Docker's frames, as they come; frames may be cut anywhere. */
export async function* unframe(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head = Buffer.alloc(0)
  let left = 0
  for await (const chunk of chunks) {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    while (bytes.length > 0) {
      if (left > 0) {
        const part = bytes.subarray(0, left)
        left -= part.length
        bytes = bytes.subarray(part.length)
        yield part
        continue
      }
      const missing = headBytes - head.length
      head = Buffer.concat([head, bytes.subarray(0, missing)])
      bytes = bytes.subarray(missing)
      if (head.length < headBytes) break
      left = head.readUInt32BE(4)
      head = Buffer.alloc(0)
    }
  }
}
