import { connect, type Socket } from 'node:net'
import { GantryError } from '@gantry/contracts'
import type { AttachChannel, AttachOptions, ProcessExit, Started } from './kernel.ts'
import { encodeFrame, FrameReader } from './wire.ts'

/** Unread output above which the socket is paused: the monitor then waits, and in the end the process. */
const highWaterBytes = 256 * 1024
const inputFrameBytes = 64 * 1024

interface Status {
  readonly key: string
  readonly pid: number
  readonly startTicks: number
  readonly monitorPid: number
}

type Piece = { stream: 'stdout' | 'stderr'; bytes: Uint8Array }

/** Connects to a monitor. Rejects with `not_found` when it has gone. */
function connectMonitor(monitorDir: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(`${monitorDir}/sock`)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      const gone = cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED'
      reject(new GantryError(gone ? 'not_found' : 'unavailable', 'the process is not running any more', {}, { cause }))
    })
  })
}

function parseExit(payload: Buffer): ProcessExit {
  const { key, exitCode, signal, oomKilled, finishedAt } = JSON.parse(payload.toString()) as ProcessExit
  return { key, exitCode, signal, oomKilled, finishedAt }
}

/**
 * Asks a monitor of an earlier agent what it watches and is told of its process's end. Null when there is no monitor.
 * `onExit` is called at most once, after this has resolved.
 */
export async function watchMonitor(monitorDir: string, onExit: (exit: ProcessExit) => void): Promise<Started | null> {
  const socket = await connectMonitor(monitorDir).catch((error: GantryError) => {
    if (error.code === 'not_found') return null
    throw error
  })
  if (!socket) return null
  return new Promise((resolve) => {
    const reader = new FrameReader((type, payload) => {
      if (type === 'S') resolve({ ...(JSON.parse(payload.toString()) as Status), steps: [] })
      if (type === 'X') {
        const exit = parseExit(payload)
        socket.destroy()
        setImmediate(() => onExit(exit))
      }
    })
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(null))
    socket.unref()
    socket.write(encodeFrame('Q', Buffer.alloc(0)))
  })
}

/**
 * Tells once how the process ended and how many bytes of output it wrote in all. Returns a function that stops it; a monitor
 * that is gone already never calls.
 */
export function watchExit(monitorDir: string, onExit: (exit: ProcessExit, outputBytes: number) => void): () => void {
  const socket = connect(`${monitorDir}/sock`)
  const reader = new FrameReader((type, payload) => {
    if (type !== 'X') return
    socket.destroy()
    onExit(parseExit(payload), (JSON.parse(payload.toString()) as { outputBytes: number }).outputBytes)
  })
  socket.on('data', (chunk: Buffer) => reader.push(chunk))
  socket.on('error', () => socket.destroy())
  socket.write(encodeFrame('Q', Buffer.alloc(0)))
  return () => socket.destroy()
}

/** One of the viewers that the monitor holds its output for does not come. */
export async function callOffViewer(monitorDir: string): Promise<void> {
  try {
    const socket = await connectMonitor(monitorDir)
    socket.on('error', () => socket.destroy())
    socket.end(encodeFrame('N', Buffer.alloc(0)))
  } catch (error) {
    if (!(error instanceof GantryError && error.code === 'not_found')) throw error
  }
}

/** Opens a viewer on a monitor's output and input. Rejects with `not_found` when the process has ended and all its output was seen. */
export async function openAttach(monitorDir: string, options: AttachOptions): Promise<AttachChannel> {
  const socket = await connectMonitor(monitorDir)
  const channel = new Channel(socket, options)
  await channel.ready
  return channel
}

class Channel implements AttachChannel {
  startOffset = 0
  readonly exit: Promise<ProcessExit | null>
  readonly ready: Promise<void>
  readonly output: AsyncIterable<Piece>
  private readonly socket: Socket
  private readonly options: AttachOptions
  private readonly queue: Piece[] = []
  private queuedBytes = 0
  private ended = false
  private wake: () => void = () => {}
  private begin: () => void = () => {}
  private settleExit: (exit: ProcessExit | null) => void = () => {}

  constructor(socket: Socket, options: AttachOptions) {
    this.socket = socket
    this.options = options
    this.exit = new Promise((resolve) => {
      this.settleExit = resolve
    })
    this.ready = new Promise((resolve, reject) => {
      this.begin = resolve
      socket.once('close', () => reject(new GantryError('not_found', 'the process is not running any more')))
    })
    this.output = this.pieces()
    const reader = new FrameReader((type, payload) => this.onFrame(type, payload))
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.end(null))
    const flags = `${options.stdin ? 'i' : ''}${options.stdout ? 'o' : ''}${options.stderr ? 'e' : ''}${options.announced ? 'h' : ''}`
    const fields = [String(options.from), flags, String(options.columns ?? 0), String(options.rows ?? 0)]
    socket.write(encodeFrame('A', Buffer.from(fields.map((field) => `${field}\0`).join(''))))
  }

  write(bytes: Uint8Array): Promise<void> {
    let flushed = true
    for (let at = 0; at < bytes.length; at += inputFrameBytes) {
      flushed = this.socket.write(encodeFrame('I', bytes.subarray(at, at + inputFrameBytes)))
    }
    if (flushed || this.socket.destroyed) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        this.socket.off('drain', done)
        this.socket.off('close', done)
        resolve()
      }
      this.socket.on('drain', done)
      this.socket.on('close', done)
    })
  }

  closeStdin(): void {
    this.socket.write(encodeFrame('C', Buffer.alloc(0)))
  }

  resize(columns: number, rows: number): void {
    const size = Buffer.alloc(4)
    size.writeUInt16LE(columns, 0)
    size.writeUInt16LE(rows, 2)
    this.socket.write(encodeFrame('R', size))
  }

  detach(): void {
    this.socket.destroy()
  }

  private onFrame(type: string, payload: Buffer): void {
    if (type === 'B') {
      this.startOffset = Number(payload.readBigUInt64LE(0))
      this.begin()
    } else if (type === 'O' || type === 'E') {
      this.enqueue(type === 'O' ? 'stdout' : 'stderr', payload)
    } else if (type === 'X') {
      this.end(parseExit(payload))
      this.socket.destroy()
    }
  }

  private enqueue(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    if (!this.options[stream]) return
    this.queue.push({ stream, bytes })
    this.queuedBytes += bytes.length
    if (this.queuedBytes > highWaterBytes) this.socket.pause()
    this.wake()
  }

  private end(exit: ProcessExit | null): void {
    if (this.ended) return
    this.ended = true
    this.settleExit(exit)
    this.wake()
  }

  /** All that waits of one stream, as one: what a process writes line by line costs no more than what it writes at once. */
  private take(): Piece | undefined {
    const [first] = this.queue
    if (!first) return undefined
    let count = 1
    while (this.queue[count]?.stream === first.stream) count++
    const taken = this.queue.splice(0, count)
    return count === 1 ? first : { stream: first.stream, bytes: Buffer.concat(taken.map(({ bytes }) => bytes)) }
  }

  private async *pieces(): AsyncGenerator<Piece> {
    for (;;) {
      const piece = this.take()
      if (piece) {
        this.queuedBytes -= piece.bytes.length
        if (this.queuedBytes <= highWaterBytes / 2 && this.socket.isPaused()) this.socket.resume()
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
