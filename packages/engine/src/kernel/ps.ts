import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'

/** What a table of processes may be long at most. */
const longestOutput = 8 * 1024 * 1024
const nobody = 65534

/** The machine's `ps` (Debian: procps), when it is there. */
export function findPs(): string | undefined {
  return ['/usr/bin/ps', '/bin/ps'].find((path) => existsSync(path))
}

/** Runs `ps` with these arguments as nobody, who sees of other people's processes what everybody may see. */
export async function runPs(
  ps: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ status: number; out: string; words: string }> {
  const child = spawn(ps, args, {
    uid: nobody,
    gid: nobody,
    cwd: '/',
    env: { LC_ALL: 'C.UTF-8' } as unknown as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = () => child.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  ended.catch(() => {})
  let out = ''
  let words = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    if (out.length > longestOutput) stop()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(0, 4096)
  })
  try {
    if (signal.aborted) stop()
    const [status] = await ended
    signal.throwIfAborted()
    return { status: status ?? -1, out, words }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
