import type { ByteChannel } from '@gantry/contracts'
import type { AttachChannel } from '../kernel/kernel.ts'
import type { Terminal } from '../kernel/terminal.ts'
import { stdcopyFrame } from '../lib/stdcopy.ts'

/**
 * Carries bytes between a caller and a process until the process has ended and all its output was delivered, or the caller leaves.
 * Without a terminal, output goes in stdcopy frames. The caller's half-close closes stdin only.
 */
export async function view(
  channel: ByteChannel,
  attached: AttachChannel,
  options: { tty: boolean; stdin: boolean },
  signal: AbortSignal,
): Promise<void> {
  const onAbort = () => attached.detach()
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const input = options.stdin ? feed(channel, attached) : undefined
  // Ends by itself when the request is over; a process that no longer reads is no failure of the view.
  input?.catch(() => {})
  try {
    for await (const { stream, bytes } of attached.output) await channel.write(options.tty ? bytes : stdcopyFrame(stream, bytes))
    signal.throwIfAborted()
    channel.end()
  } finally {
    signal.removeEventListener('abort', onAbort)
    attached.detach()
  }
}

async function feed(channel: ByteChannel, attached: AttachChannel): Promise<void> {
  for await (const bytes of channel.incoming) await attached.write(bytes)
  attached.closeStdin()
}

/** The same for a terminal of its own: bytes pass as they are, and there is no end of input but leaving. */
export async function viewTerminal(channel: ByteChannel, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const onAbort = () => terminal.close()
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const input = (async () => {
    for await (const bytes of channel.incoming) terminal.write(bytes)
  })()
  input.catch(() => {})
  try {
    for await (const bytes of terminal.output) await channel.write(bytes)
    signal.throwIfAborted()
    channel.end()
  } finally {
    signal.removeEventListener('abort', onAbort)
    terminal.close()
  }
}
