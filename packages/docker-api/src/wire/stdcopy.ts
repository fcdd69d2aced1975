/** Docker's frame for output that is not a terminal's: stream (1 stdout, 2 stderr, 3 an error of the engine), zeros, length, bytes. */
export function stdcopyFrame(stream: 1 | 2 | 3, text: string): Buffer {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(8 + length)
  frame.writeUInt32BE(stream * 0x0100_0000, 0)
  frame.writeUInt32BE(length, 4)
  frame.write(text, 8)
  return frame
}

/** What a stream of bytes is called: from 1.42 on, framed output has a name of its own. */
export function streamType(version: number, tty: boolean): string {
  return !tty && version >= 42 ? 'application/vnd.docker.multiplexed-stream' : 'application/vnd.docker.raw-stream'
}
