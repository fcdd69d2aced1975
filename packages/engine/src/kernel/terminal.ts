import { spawn } from 'node-pty'
import { GantryError } from '@gantry/contracts'
import { watchExit } from './attach.ts'
import type { ProcessExit } from './kernel.ts'

export interface TerminalOptions {
  /** Folder with gantry-attach. */
  readonly nativeDir: string
  readonly monitorDir: string
  /** Output from this byte on; 'end' for only what comes from now on. */
  readonly from: number | 'end'
  readonly columns: number
  readonly rows: number
}

/** One viewer of a tty process, through a terminal of its own on the host. */
export interface Terminal {
  /** Offset of the first byte of `output`; larger than `from` when older output was dropped. */
  readonly startOffset: number
  /** Ends when the process has ended and all its output was delivered, or after `close`. Not reading it slows the process down. */
  readonly output: AsyncIterable<Uint8Array>
  write(bytes: Uint8Array): void
  resize(columns: number, rows: number): void
  pause(): void
  resume(): void
  /** Leaves; the process goes on. */
  close(): void
  /** How the process ended; null when the viewer left before. */
  readonly exit: Promise<ProcessExit | null>
}

const highWaterBytes = 256 * 1024
const prefixBytes = 8

/**
 * Opens a terminal on a monitor: gantry-attach in a pty, which node-pty drives, so that bytes pass unchanged both ways.
 * Rejects with `not_found` when the monitor has gone.
 */
export async function openTerminal(options: TerminalOptions): Promise<Terminal> {
  const terminal = new NodePtyTerminal(options)
  await terminal.ready
  return terminal
}

class NodePtyTerminal implements Terminal {
  startOffset = 0
  readonly exit: Promise<ProcessExit | null>
  readonly ready: Promise<void>
  readonly output: AsyncIterable<Uint8Array>
  private readonly pty: ReturnType<typeof spawn>
  private readonly queue: Uint8Array[] = []
  private queuedBytes = 0
  private receivedBytes = 0
  private prefix = Buffer.alloc(0)
  private begun = false
  private ended = false
  private paused = false
  /** Offset at which the output ends, once the process has ended. */
  private lastOffset: number | null = null
  private record: ProcessExit | null = null
  private readonly stopWatching: () => void
  private wake: () => void = () => {}
  private begin: () => void = () => {}
  private settleExit: (exit: ProcessExit | null) => void = () => {}

  constructor(options: TerminalOptions) {
    this.exit = new Promise((resolve) => {
      this.settleExit = resolve
    })
    this.output = this.pieces()
    this.pty = spawn(`${options.nativeDir}/gantry-attach`, [`${options.monitorDir}/sock`, String(options.from), 'prefix'], {
      cols: options.columns,
      rows: options.rows,
      cwd: '/',
      env: {},
      encoding: null,
    })
    this.ready = new Promise((resolve, reject) => {
      this.begin = resolve
      this.pty.onExit(() => reject(new GantryError('not_found', 'the process is not running any more')))
    })
    // With encoding null the pieces are Buffers, whatever the declaration says.
    this.pty.onData((data) => this.onData(data as unknown as Buffer))
    this.pty.onExit(() => this.end())
    this.stopWatching = watchExit(options.monitorDir, (exit, outputBytes) => {
      this.record = exit
      this.lastOffset = outputBytes
      this.endWhenComplete()
    })
  }

  write(bytes: Uint8Array): void {
    if (!this.ended) this.pty.write(Buffer.from(bytes))
  }

  resize(columns: number, rows: number): void {
    if (!this.ended) this.pty.resize(columns, rows)
  }

  pause(): void {
    this.paused = true
    if (!this.ended) this.pty.pause()
  }

  resume(): void {
    this.paused = false
    if (!this.ended && this.queuedBytes <= highWaterBytes) this.pty.resume()
  }

  close(): void {
    this.end()
  }

  private onData(data: Buffer): void {
    let bytes = data
    if (!this.begun) {
      this.prefix = Buffer.concat([this.prefix, data])
      if (this.prefix.length < prefixBytes) return
      this.begun = true
      this.startOffset = Number(this.prefix.readBigUInt64BE(0))
      bytes = this.prefix.subarray(prefixBytes)
      this.begin()
    }
    if (bytes.length > 0 && !this.ended) {
      this.queue.push(bytes)
      this.queuedBytes += bytes.length
      this.receivedBytes += bytes.length
      if (this.queuedBytes > highWaterBytes) this.pty.pause()
      this.wake()
    }
    this.endWhenComplete()
  }

  private endWhenComplete(): void {
    if (this.begun && this.lastOffset !== null && this.startOffset + this.receivedBytes >= this.lastOffset) this.end()
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    this.stopWatching()
    // Closing our end hangs the other up, which ends gantry-attach.
    this.pty.kill('SIGKILL')
    this.settleExit(this.record)
    this.wake()
  }

  private async *pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.queue.shift()
      if (piece) {
        this.queuedBytes -= piece.length
        if (!this.ended && !this.paused && this.queuedBytes <= highWaterBytes / 2) this.pty.resume()
        yield piece
      } else if (this.ended) {
        return
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
      }
    }
  }
}
