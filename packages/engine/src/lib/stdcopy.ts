/** Docker's frame for output that is not a terminal's: stream (1 stdout, 2 stderr), three zero bytes, length, bytes. */
export function stdcopyFrame(stream: 'stdout' | 'stderr', bytes: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(8 + bytes.length)
  frame.writeUInt32BE(stream === 'stdout' ? 0x0100_0000 : 0x0200_0000, 0)
  frame.writeUInt32BE(bytes.length, 4)
  frame.set(bytes, 8)
  return frame
}
