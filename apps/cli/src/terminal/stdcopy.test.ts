import { describe, expect, it } from 'vitest'
import { demultiplex } from './stdcopy.ts'

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

async function read(chunks: Buffer[]): Promise<{ stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' }
  async function* incoming() {
    yield* chunks
  }
  for await (const piece of demultiplex(incoming())) text[piece.stream] += Buffer.from(piece.bytes).toString()
  return text
}

describe('stdcopy frames', () => {
  const wire = Buffer.concat([frame(1, 'out one '), frame(2, 'error'), frame(1, ''), frame(1, 'out two')])

  it('separates the streams', async () => {
    expect(await read([wire])).toEqual({ stdout: 'out one out two', stderr: 'error' })
  })

  it('does not care where the chunks are cut', async () => {
    for (let size = 1; size < wire.length; size++) {
      const chunks = []
      for (let at = 0; at < wire.length; at += size) chunks.push(wire.subarray(at, at + size))
      expect(await read(chunks)).toEqual({ stdout: 'out one out two', stderr: 'error' })
    }
  })
})
