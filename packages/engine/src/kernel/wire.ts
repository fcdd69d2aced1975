import type { Op } from '@gantry/contracts'

/** One request as the launcher reads it (native/src/wire.h): u32 length, then NUL-ended tokens. */
export function encodeRequest(head: readonly string[], ops: readonly Op[]): Buffer {
  const tokens: string[] = [...head]
  for (const op of ops) tokens.push(String(op.length), ...op)
  const body = `${tokens.join('\0')}\0`
  if (body.length > 0 && tokens.some((token) => token.includes('\0'))) throw new TypeError('an operation holds a NUL byte')
  const length = Buffer.byteLength(body)
  const frame = Buffer.allocUnsafe(4 + length)
  frame.writeUInt32LE(length, 0)
  frame.write(body, 4)
  return frame
}

/** Cuts a byte stream into lines; what follows the last newline waits for more. */
export class LineReader {
  private rest: Buffer[] = []
  private readonly onLine: (line: string) => void
  constructor(onLine: (line: string) => void) {
    this.onLine = onLine
  }

  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const piece = chunk.subarray(start, end)
      const line = this.rest.length === 0 ? piece : Buffer.concat([...this.rest, piece])
      this.rest = []
      this.onLine(line.toString('utf8'))
      start = end + 1
    }
    if (start < chunk.length) this.rest.push(chunk.subarray(start))
  }
}

/** Frames of a monitor's socket (native/src/viewers.h): u8 type, u24 length, payload. */
export function encodeFrame(type: string, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + payload.length)
  frame.writeUInt32LE(type.charCodeAt(0) | (payload.length << 8), 0)
  frame.set(payload, 4)
  return frame
}

/** Cuts a byte stream into frames. Payloads are views of the received chunks where they fit. */
export class FrameReader {
  private buffered: Buffer = Buffer.alloc(0)
  private readonly onFrame: (type: string, payload: Buffer) => void
  constructor(onFrame: (type: string, payload: Buffer) => void) {
    this.onFrame = onFrame
  }

  push(chunk: Buffer): void {
    let data = this.buffered.length === 0 ? chunk : Buffer.concat([this.buffered, chunk])
    while (data.length >= 4) {
      const length = data.readUIntLE(1, 3)
      if (data.length < 4 + length) break
      this.onFrame(String.fromCharCode(data[0] ?? 0), data.subarray(4, 4 + length))
      data = data.subarray(4 + length)
    }
    this.buffered = data
  }
}
