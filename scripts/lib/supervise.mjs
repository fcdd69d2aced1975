import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { say } from './say.mjs'

const firstDelayMs = 500
const longestDelayMs = 30_000
/** A process that ran this long has started well: the next crash waits the first delay again. */
const settledMs = 30_000
const graceMs = 10_000

/**
 * Keeps one program running: its output goes out line by line behind its name, a crash is followed by a restart with
 * growing delay. The program leads a session of its own, so that Ctrl-C in the terminal reaches only this process, which
 * then stops everything in order.
 *
 * @param {{ name: string, argv: string[], env: Record<string, string>, onLine?: (line: string) => boolean | void }} program
 *   `onLine` may return true to keep a line to itself
 */
export function supervise({ name, argv, env, onLine }) {
  let child = null
  let stopping = false
  let delayMs = firstDelayMs
  let timer = null

  const start = () => {
    const from = Date.now()
    const [file, ...args] = argv
    child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (!onLine?.(line)) console.log(`${name.padEnd(8)}| ${readable(line)}`)
      })
    }
    child.once('error', (error) => say(`cannot start the ${name}: ${error.message}`))
    child.once('close', (code, signal) => {
      child = null
      if (stopping) return
      if (Date.now() - from >= settledMs) delayMs = firstDelayMs
      say(`the ${name} ended (${signal ?? `exit ${code}`}); starting it again in ${delayMs / 1000} s`)
      timer = setTimeout(start, delayMs)
      delayMs = Math.min(delayMs * 2, longestDelayMs)
    })
  }
  start()

  return {
    get pid() {
      return child?.pid
    },
    /** Ends the process (SIGTERM, then SIGKILL) without a restart; `restart` lets it come back at once. */
    async stop() {
      stopping = true
      clearTimeout(timer)
      await ended(child)
    },
    async restart() {
      await this.stop()
      stopping = false
      delayMs = firstDelayMs
      start()
    },
  }
}

const levels = { 20: 'debug: ', 40: 'warning: ', 50: 'error: ', 60: 'fatal: ' }
const machineFields = new Set(['level', 'time', 'pid', 'hostname', 'process', 'instance', 'msg'])

/** A JSON log line in the words that matter; any other line as it is. */
function readable(line) {
  if (!line.startsWith('{')) return line
  try {
    const entry = JSON.parse(line)
    const told = (value) => (entry.level >= 50 && value?.stack) || value?.message || JSON.stringify(value)
    const fields = Object.entries(entry)
      .filter(([key]) => !machineFields.has(key))
      .map(([key, value]) => `${key}=${typeof value === 'object' ? told(value) : value}`)
    return [`${levels[entry.level] ?? ''}${entry.msg ?? ''}`, ...fields].join(' ')
  } catch {
    return line
  }
}

function ended(child) {
  if (!child) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    child.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
