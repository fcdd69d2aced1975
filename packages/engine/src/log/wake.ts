import { watch } from 'node:fs'
import { dirname } from 'node:path'

/** Tells when something in a file's folder changed. Changes between two waits are not missed. */
export interface Wake {
  /** Resolves at the next change since the last call, at once when there was one, and when one of the signals fires. */
  wait(): Promise<void>
  close(): void
}

/** inotify on the folder, as rotation replaces the file itself. Throws ENOENT when the folder does not exist. */
export function watchLog(file: string, signals: readonly (AbortSignal | undefined)[]): Wake {
  let changed = false
  let resume: (() => void) | undefined
  const wake = () => {
    changed = true
    resume?.()
  }
  const watcher = watch(dirname(file), { persistent: false }, wake)
  watcher.on('error', wake)
  for (const signal of signals) signal?.addEventListener('abort', wake)
  return {
    async wait() {
      if (!changed && !signals.some((signal) => signal?.aborted)) {
        await new Promise<void>((resolve) => {
          resume = resolve
        })
        resume = undefined
      }
      changed = false
    },
    close() {
      watcher.close()
      for (const signal of signals) signal?.removeEventListener('abort', wake)
    },
  }
}
