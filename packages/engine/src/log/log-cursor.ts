import type { LogLine } from '@gantry/contracts'
import type { LineFilter } from './line-filter.ts'
import type { LogFile } from './log-files.ts'

const BLOCK_BYTES = 256 * 1024
/** No line of a log is longer: the monitor writes at most 16 KiB of text in one. What is, is skipped. */
const LONGEST_LINE_BYTES = 4 * 1024 * 1024
const LINE_END = 0x0a

/** A place in one log file. Stands at the beginning of a line; a line without its end is read again when there is more. */
export class LogCursor {
  readonly file: LogFile
  #offset: number
  #block = Buffer.allocUnsafe(BLOCK_BYTES)

  constructor(file: LogFile, offset: number) {
    this.file = file
    this.#offset = offset
  }

  /** Wanted lines of the next block of whole lines; null at the end of what has been written. */
  async next(filter: LineFilter): Promise<LogLine[] | null> {
    for (;;) {
      const { bytesRead } = await this.file.handle.read(this.#block, 0, this.#block.length, this.#offset)
      const end = bytesRead > 0 ? this.#block.lastIndexOf(LINE_END, bytesRead - 1) : -1
      if (end >= 0) {
        this.#offset += end + 1
        return filter.take(this.#block.toString('utf8', 0, end))
      }
      if (bytesRead === this.#block.length) this.#growOrSkip()
      else if (!(await this.#startedOver())) return null
    }
  }

  /** A log of one file only is emptied in place when it is full. */
  async #startedOver(): Promise<boolean> {
    const { size } = await this.file.handle.stat()
    if (size >= this.#offset) return false
    this.#offset = 0
    return true
  }

  /** The last line when it lacks its end and is whole otherwise; for files that nobody writes any more. */
  async rest(filter: LineFilter): Promise<LogLine[]> {
    const { bytesRead } = await this.file.handle.read(this.#block, 0, this.#block.length, this.#offset)
    return bytesRead > 0 ? filter.take(this.#block.toString('utf8', 0, bytesRead)) : []
  }

  #growOrSkip(): void {
    if (this.#block.length < LONGEST_LINE_BYTES) this.#block = Buffer.allocUnsafe(this.#block.length * 2)
    else this.#offset += this.#block.length
  }
}
