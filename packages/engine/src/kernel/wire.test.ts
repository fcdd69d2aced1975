import { describe, expect, it } from 'vitest'
import { encodeFrame, encodeRequest, FrameReader, LineReader } from './wire.ts'

describe('the launcher’s wire', () => {
  it('counts bytes and tokens', () => {
    const frame = encodeRequest(['7', 'ops'], [['mkdir', '/ä', '0755'], ['ping']])
    expect(frame.readUInt32LE(0)).toBe(frame.length - 4)
    expect(frame.subarray(4).toString()).toBe('7\0ops\x003\0mkdir\0/ä\x000755\x001\0ping\0')
  })

  it('keeps empty arguments', () => {
    expect(
      encodeRequest(['1', 'ops'], [['env', '']])
        .subarray(4)
        .toString(),
    ).toBe('1\0ops\x002\0env\0\0')
  })

  it('refuses a NUL, which would become another argument', () => {
    expect(() => encodeRequest(['1', 'ops'], [['write', '/x', 'a\0b']])).toThrowError(TypeError)
  })

  it('joins lines that come in pieces, also within a letter', () => {
    const lines: string[] = []
    const reader = new LineReader((line) => lines.push(line))
    const bytes = Buffer.from('{"a":"ü"}\n\nlast\nrest')
    for (const byte of bytes) reader.push(Buffer.from([byte]))
    expect(lines).toEqual(['{"a":"ü"}', '', 'last'])
    reader.push(Buffer.from(' of it\n'))
    expect(lines.at(-1)).toBe('rest of it')
  })
})

describe('a monitor’s frames', () => {
  it('are read as they are written, however they are cut', () => {
    const sent: [string, string][] = [
      ['O', 'out'],
      ['E', ''],
      ['X', 'x'.repeat(70_000)],
    ]
    const bytes = Buffer.concat(sent.map(([type, payload]) => encodeFrame(type, Buffer.from(payload))))
    for (const size of [1, 3, 5, 1000, bytes.length]) {
      const read: [string, string][] = []
      const reader = new FrameReader((type, payload) => read.push([type, payload.toString()]))
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
      expect(read).toEqual(sent)
    }
  })
})
