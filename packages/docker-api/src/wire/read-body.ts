import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { GantryError } from '@gantry/contracts'
import { DockerError } from '../errors.ts'

/** Largest JSON body: a seccomp profile of 1 MiB and environment and labels besides. */
export const maxJsonBytes = 4 * 1024 * 1024

/** The bytes of an ordinary request's body. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  checkLength(request)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxJsonBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The body of a request whose connection is taken over, and the bytes behind it. Only what has a length is a body here. */
export async function takeBody(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<{ body: Buffer; rest: Buffer }> {
  const length = checkLength(request)
  let bytes = head
  while (bytes.length < length) {
    const more = await readMore(socket)
    if (more === null) throw new GantryError('invalid_input', `the body ended after ${bytes.length} of ${length} bytes`)
    bytes = Buffer.concat([bytes, more])
  }
  return { body: bytes.subarray(0, length), rest: bytes.subarray(length) }
}

async function readMore(socket: Duplex): Promise<Buffer | null> {
  for (;;) {
    const bytes: Buffer | null = socket.read()
    if (bytes !== null) return bytes
    if (socket.readableEnded || socket.destroyed) return null
    const settled = new AbortController()
    try {
      await Promise.race(['readable', 'end', 'close'].map((event) => once(socket, event, settled)))
    } finally {
      settled.abort()
    }
  }
}

function checkLength({ headers }: IncomingMessage): number {
  const length = Number(headers['content-length'] ?? 0)
  if (length > maxJsonBytes) throw tooLarge()
  return length
}

const tooLarge = () => new DockerError(413, `request body exceeds ${maxJsonBytes} bytes`)

/** A JSON body as Docker reads it: nothing at all may stand for `empty`, and another content type is refused. */
export function parseJsonBody({ headers }: IncomingMessage, bytes: Buffer, empty: unknown): unknown {
  if (bytes.length === 0) {
    if (empty !== undefined) return empty
    throw new GantryError('invalid_input', 'invalid JSON: got EOF while reading request body')
  }
  const type = headers['content-type'] ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new GantryError('invalid_input', `unsupported Content-Type header (${type}): must be 'application/json'`)
  }
  try {
    return JSON.parse(bytes.toString())
  } catch (cause) {
    throw new GantryError('invalid_input', `invalid JSON: ${(cause as Error).message}`, {}, { cause })
  }
}
