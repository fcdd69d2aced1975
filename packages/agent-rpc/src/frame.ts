import { GantryError } from '@gantry/contracts'

/**
 * One frame of the wire, both directions:
 *
 * ```
 * u32  length of what follows (5 + payload), big endian
 * u8   type
 * u32  request id, chosen by the client, unique among its open requests
 * …    payload
 * ```
 *
 * A request is opened by `open`; afterwards `data`, `end` and `credit` flow both ways for duplex methods, `item` and `credit` for
 * streams, until the agent closes the request with exactly one `result` or `error`.
 *
 * A duplex opened with `bulk` gets a connection of its own for the client's bytes: the agent sends `ticket`; the client connects once
 * more, sends `redeem` with it as the first frame, waits for one byte, and from then on that connection is raw.
 */
export const frameTypes = {
  /** client: JSON `{method, input, timeoutMs?, bulk?}` */
  open: 1,
  /** client: the caller no longer wants the answer; the agent still closes the request. */
  cancel: 2,
  /** bytes of a duplex */
  data: 3,
  /** half-close of a duplex */
  end: 4,
  /** u32: so many more bytes may be sent */
  credit: 5,
  /** agent: JSON item of a stream */
  item: 6,
  /** agent: JSON output; for a stream empty: its end */
  result: 7,
  /** agent: JSON of `wireErrorSchema` */
  error: 8,
  /** agent: random bytes, good once, for one `redeem` */
  ticket: 9,
  /** client, first frame of a connection: a ticket */
  redeem: 10,
} as const
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes]

/** What a client may send in one frame; larger is refused by the agent. */
export const maxRequestBytes = 4 * 1024 * 1024
/** What a client accepts in one frame of its agent (long lists). */
export const maxAnswerBytes = 64 * 1024 * 1024
/** Bytes that may be on their way, unread, in one direction of one request. */
export const windowBytes = 1024 * 1024
/** Largest `data` frame. */
export const chunkBytes = 256 * 1024

export const headerBytes = 9
const empty = new Uint8Array(0)

/** Encodes a frame with raw bytes. */
export function encodeFrame(type: FrameType, id: number, payload: Uint8Array = empty): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length)
  writeHeader(frame, type, id, payload.length)
  frame.set(payload, headerBytes)
  return frame
}

/** Encodes a frame whose payload is JSON text. */
export function encodeText(type: FrameType, id: number, text: string): Buffer {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(headerBytes + length)
  writeHeader(frame, type, id, length)
  frame.write(text, headerBytes, length, 'utf8')
  return frame
}

/** Encodes a grant of `bytes` more. */
export function encodeCredit(id: number, bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + 4)
  writeHeader(frame, frameTypes.credit, id, 4)
  frame.writeUInt32BE(bytes, headerBytes)
  return frame
}

function writeHeader(frame: Buffer, type: FrameType, id: number, length: number): void {
  frame.writeUInt32BE(length + 5, 0)
  frame[4] = type
  frame.writeUInt32BE(id, 5)
}

export type FrameHandler = (type: number, id: number, payload: Buffer) => void

/**
 * Cuts a byte stream into frames. `push` throws `invalid_input` on a frame that is malformed or larger than `maxBytes`
 * (before any of it is buffered); the stream is then unusable.
 */
export class FrameReader {
  readonly #maxBytes: number
  readonly #onFrame: FrameHandler
  #chunks: Buffer[] = []
  #buffered = 0
  #needed = 4

  constructor(maxBytes: number, onFrame: FrameHandler) {
    this.#maxBytes = maxBytes
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
    if (this.#buffered < this.#needed) return
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#buffered)
    bytes = this.#cut(bytes)
    this.#chunks = bytes.length > 0 ? [bytes] : []
    this.#buffered = bytes.length
  }

  /** Hands out every whole frame and returns the rest; sets how many bytes are needed to go on. */
  #cut(bytes: Buffer): Buffer {
    let offset = 0
    while (bytes.length - offset >= 4) {
      const length = bytes.readUInt32BE(offset)
      this.#check(length)
      if (bytes.length - offset < length + 4) {
        this.#needed = length + 4
        return bytes.subarray(offset)
      }
      const end = offset + 4 + length
      this.#onFrame(bytes[offset + 4] as number, bytes.readUInt32BE(offset + 5), bytes.subarray(offset + headerBytes, end))
      offset = end
    }
    this.#needed = 4
    return bytes.subarray(offset)
  }

  #check(length: number): void {
    if (length < 5) throw new GantryError('invalid_input', `frame of ${length} bytes is shorter than its header`)
    if (length - 5 > this.#maxBytes) {
      throw new GantryError('invalid_input', `message of ${length - 5} bytes exceeds ${this.#maxBytes} bytes`, {
        value: String(length - 5),
        limit: String(this.#maxBytes),
      })
    }
  }
}
