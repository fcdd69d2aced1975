import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { GantryError } from '@gantry/contracts'

/** What reads the host's journal, when it is there. */
export function findJournalctl(): string | undefined {
  return ['/usr/bin/journalctl', '/bin/journalctl'].find((path) => existsSync(path))
}

const plain = { env: {} as NodeJS.ProcessEnv }

/** Resolves once what was sent to the journal before is in its files; at once where no journald runs, whose files say all there is. */
export async function syncJournal(journalctl: string): Promise<void> {
  const child = spawn(journalctl, ['--sync'], { ...plain, stdio: 'ignore' })
  await once(child, 'close')
}

/**
 * The lines that journalctl prints with these arguments, in batches of what comes at once. Ends with the program, or quietly when the
 * signal fires. Throws `internal` with its words when it fails.
 */
export async function* journalLines(journalctl: string, args: readonly string[], signal: AbortSignal): AsyncGenerator<string[]> {
  const child = spawn(journalctl, args, { ...plain, stdio: ['ignore', 'pipe', 'pipe'] })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString()
  })
  const stop = () => child.kill('SIGKILL')
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  ended.catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    let rest = ''
    for await (const chunk of child.stdout.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop() ?? ''
      if (lines.length > 0) yield lines
    }
    const [status] = await ended
    if (status !== 0 && !signal.aborted)
      throw new GantryError('internal', `the journal cannot be read: ${words.trim() || `status ${status}`}`)
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
