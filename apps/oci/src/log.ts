import { appendFileSync } from 'node:fs'

export interface LogTarget {
  readonly path: string | undefined
  readonly format: 'text' | 'json'
  readonly debug: boolean
}
let target: LogTarget = { path: undefined, format: 'text', debug: false }

export function setLog(to: LogTarget): void {
  target = to
}

type Level = 'debug' | 'warning' | 'error'

/** Callers read the last line of level error in the file they named (conmon and containerd-shim do). */
function write(level: Level, msg: string): void {
  const time = new Date().toISOString()
  if (target.path === undefined) {
    if (level !== 'error') process.stderr.write(`gantry-oci: ${level}: ${msg}\n`)
    return
  }
  const quoted = JSON.stringify(msg)
  const line = target.format === 'json' ? JSON.stringify({ level, msg, time }) : `time="${time}" level=${level} msg=${quoted}`
  appendFileSync(target.path, `${line}\n`, { mode: 0o600 })
}

export function debug(msg: string): void {
  if (target.debug) write('debug', msg)
}
export function warn(msg: string): void {
  write('warning', msg)
}
export function logError(msg: string): void {
  write('error', msg)
}
