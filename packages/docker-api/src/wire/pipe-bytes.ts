import type { ByteStream } from '@gantry/core'
import type { DetachKeys } from './detach-keys.ts'
import type { HijackedStream } from './hijack.ts'

export interface PipeOptions {
  /** What is typed is looked through for them; absent: nothing detaches. */
  detachKeys?: DetachKeys
  /** False: what is typed goes nowhere. */
  input: boolean
  /** The client's half-close ends the input of the process. */
  closesInput: boolean
}

/**
 * Carries bytes between a client and a process until the process has ended or the client detaches; true when it did. Rejects with
 * the engine's failure; what the process said until then has been written.
 */
export async function pipeBytes<R>(stream: HijackedStream, { channel, result }: ByteStream<R>, options: PipeOptions): Promise<boolean> {
  let detached = false
  const typed = new Promise<true>((resolve) => {
    // A process that takes no more is no failure; its end is told by its output's.
    sendInput(stream, channel, options).then(
      (left) => {
        if (left) resolve(true)
      },
      () => undefined,
    )
  })
  const shown = (async () => {
    for await (const bytes of channel.incoming) {
      if (detached) return false
      await stream.write(bytes)
    }
    await result
    return false
  })()
  detached = await Promise.race([typed, shown])
  shown.catch(() => undefined)
  return detached
}

async function sendInput(
  stream: HijackedStream,
  channel: ByteStream<unknown>['channel'],
  { detachKeys, input, closesInput }: PipeOptions,
): Promise<boolean> {
  for await (const bytes of stream.incoming) {
    if (!input) continue
    const { send, detached } = detachKeys?.take(bytes) ?? { send: bytes, detached: false }
    if (send.length > 0) await channel.write(send)
    if (detached) return true
  }
  if (input && closesInput) channel.end()
  return false
}
