import type { LogFile } from './log-files.ts'

const BLOCK_BYTES = 64 * 1024
const LINE_END = 0x0a
/** How far from its end a line tells its stream: `"stream":"stdout","time":"<30>"}`. */
const STREAM_WITHIN = 80

export interface Position {
  /** Index of the file; the number of files for "after the end". */
  readonly file: number
  readonly offset: number
}

/**
 * Where the last `count` lines begin, found by reading backwards, over as many of the files (oldest first) as it takes.
 * @param only counts lines of this stream
 */
export async function tailPosition(files: readonly LogFile[], count: number, only?: 'stdout' | 'stderr'): Promise<Position> {
  let wanted = count
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index]
    if (!file) continue
    const { offset, counted } = await countBackwards(file, wanted, only)
    wanted -= counted
    if (wanted <= 0) return { file: index, offset }
  }
  return { file: 0, offset: 0 }
}

/**
 * Walks over the line ends from the back: each one closes the line before it, and is where the line after it begins.
 * What follows the last line end is no line yet.
 */
async function countBackwards(file: LogFile, wanted: number, only?: 'stdout' | 'stderr'): Promise<{ offset: number; counted: number }> {
  const { size } = await file.handle.stat()
  let counted = 0
  /** End of the line whose beginning is looked for; -1 before the last line end is found. */
  let lineEnd = -1
  for await (const at of lineEndsBackwards(file, size)) {
    if (lineEnd >= 0 && (await isWanted(file, lineEnd, only))) counted++
    if (counted === wanted) return { offset: at + 1, counted }
    lineEnd = at
  }
  if (lineEnd >= 0 && (await isWanted(file, lineEnd, only))) counted++
  return { offset: 0, counted }
}

async function* lineEndsBackwards(file: LogFile, size: number): AsyncGenerator<number> {
  const block = Buffer.allocUnsafe(BLOCK_BYTES)
  for (let top = size; top > 0; ) {
    const bottom = Math.max(0, top - BLOCK_BYTES)
    const { bytesRead } = await file.handle.read(block, 0, top - bottom, bottom)
    for (let at = bytesRead; at > 0; ) {
      at = block.lastIndexOf(LINE_END, at - 1)
      if (at < 0) break
      yield bottom + at
    }
    top = bottom
  }
}

async function isWanted(file: LogFile, lineEnd: number, only?: 'stdout' | 'stderr'): Promise<boolean> {
  if (!only) return true
  const from = Math.max(0, lineEnd - STREAM_WITHIN)
  const { buffer, bytesRead } = await file.handle.read(Buffer.allocUnsafe(STREAM_WITHIN), 0, lineEnd - from, from)
  return buffer.toString('latin1', 0, bytesRead).includes(`"stream":"${only}"`)
}
