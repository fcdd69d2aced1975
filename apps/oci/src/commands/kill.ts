import { constants } from 'node:os'
import { GantryError } from '@gantry/contracts/gantry-error'
import { expectWords, parseArgs } from '../args.ts'
import { signalAll, signalIfAlive } from '../cgroup/processes.ts'
import type { Globals } from '../globals.ts'
import { Container } from '../state/container.ts'

export function kill(args: readonly string[], globals: Globals): void {
  const parsed = parseArgs(args, { all: { kind: 'flag', short: 'a' } }, true)
  expectWords(parsed, 'kill [--all] CONTAINER [SIGNAL]', 1, 2)
  const container = new Container(globals.root, parsed.positional[0] ?? '')
  const signal = signalNumber(parsed.positional[1] ?? 'SIGTERM')
  const record = container.read()
  const status = container.status(record)
  if (parsed.has('all')) {
    signalAll(record.cgroup, signal)
    return
  }
  // Callers know a process that has ended by these words.
  if (status === 'stopped' || record.pid === undefined || !signalIfAlive(record.pid, signal)) {
    throw new GantryError('wrong_state', `container not running: ${container.id} is stopped (no such process)`)
  }
}

const MOST = 64
const names: Readonly<{ [name: string]: number }> = constants.signals

/** `15`, `TERM`, `SIGTERM`, and the real-time ones `RTMIN+3`, `RTMAX-2`. */
export function signalNumber(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : namedSignal(text.toUpperCase().replace(/^SIG/, ''))
  if (number === undefined || number < 0 || number > MOST) throw new GantryError('invalid_input', `unknown signal ${text}`)
  return number
}

function namedSignal(name: string): number | undefined {
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name)
  if (!realTime) return names[`SIG${name}`]
  const base = realTime[1] === 'MIN' ? 34 : MOST
  const distance = Number(realTime[3] ?? 0) * (realTime[2] === '-' ? -1 : 1)
  const number = base + distance
  return number >= 34 && number <= MOST ? number : undefined
}
