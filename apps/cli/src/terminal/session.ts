import type { ByteChannel } from '@gantry/contracts'
import { detachWatcher, parseDetachKeys } from './detach-keys.ts'
import { demultiplex } from './stdcopy.ts'

export const defaultDetachKeys = 'ctrl-p,ctrl-q'

export interface SessionOptions {
  readonly tty: boolean
  readonly stdin: boolean
  readonly detachKeys?: string
  readonly resize: (size: { columns: number; rows: number }) => Promise<unknown>
}

/** The size of our terminal, when there is one. */
export function terminalSize(): { columns?: number; rows?: number } {
  const { isTTY, columns, rows } = process.stdout
  // A terminal of no size is one that nobody looks at.
  return isTTY && columns > 0 && rows > 0 ? { columns, rows } : {}
}

/**
 * Connects our standard streams with a process inside until it ends (resolves with its result) or the person detaches
 * (resolves `null`). With a tty, ours is in raw mode for that time.
 */
export async function runSession<T>(duplex: { channel: ByteChannel; result: Promise<T> }, options: SessionOptions): Promise<T | null> {
  const { channel, result } = duplex
  const raw = options.tty && options.stdin && process.stdin.isTTY
  const leaving = new AbortController()
  const detached = new Promise<null>((resolve) => leaving.signal.addEventListener('abort', () => resolve(null), { once: true }))
  const onResize = () => {
    const { columns, rows } = terminalSize()
    if (columns && rows) options.resize({ columns, rows }).catch(() => undefined)
  }

  if (raw) process.stdin.setRawMode(true)
  if (options.tty && process.stdout.isTTY) process.stdout.on('resize', onResize)
  if (options.stdin) forwardInput(channel, raw ? (options.detachKeys ?? defaultDetachKeys) : '', () => leaving.abort())
  // Both end when the process ends; a failure to start shows in `result` only, so that is what decides.
  const output = copyOutput(channel, options.tty)
  output.catch(() => undefined)
  try {
    const outcome = await Promise.race([result, detached])
    if (outcome !== null) await output
    return outcome
  } finally {
    process.stdout.off('resize', onResize)
    if (raw) process.stdin.setRawMode(false)
    process.stdin.pause()
  }
}

function forwardInput(channel: ByteChannel, detachKeys: string, detach: () => void): void {
  const watcher = detachWatcher(parseDetachKeys(detachKeys))
  process.stdin.on('data', (chunk: Buffer) => {
    const { send, detached } = watcher.feed(chunk)
    if (detached) return detach()
    if (send.length === 0) return
    process.stdin.pause()
    channel.write(send).then(
      () => process.stdin.resume(),
      // The process has ended: what was typed after that has no reader.
      () => process.stdin.pause(),
    )
  })
  process.stdin.once('end', () => channel.end())
}

async function copyOutput(channel: ByteChannel, tty: boolean): Promise<void> {
  if (tty) {
    for await (const bytes of channel.incoming) await write(process.stdout, bytes)
    return
  }
  for await (const { stream, bytes } of demultiplex(channel.incoming)) await write(process[stream], bytes)
}

/** Waits for the reader of our output, so that a slow one slows the container down instead of filling our memory. */
export function write(stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}
