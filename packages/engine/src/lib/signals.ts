import { constants } from 'node:os'
import { GantryError } from '@gantry/contracts'

const realtimeFirst = 34
const realtimeLast = 64

/** The number of a signal given as name (`SIGTERM`, `TERM`, `RTMIN+3`) or number, as signal(7) counts on Linux. Throws `invalid_input`. */
export function signalNumber(signal: string): number {
  const upper = signal.toUpperCase()
  if (/^\d+$/.test(upper)) {
    const number = Number(upper)
    if (number >= 1 && number <= realtimeLast) return number
  }
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  const known = (constants.signals as Record<string, number>)[name]
  if (known !== undefined) return known
  const realtime = /^SIGRT(MIN|MAX)([+-]\d{1,2})?$/.exec(name)
  if (realtime) {
    const number = (realtime[1] === 'MIN' ? realtimeFirst : realtimeLast) + Number(realtime[2] ?? 0)
    if (number >= realtimeFirst && number <= realtimeLast) return number
  }
  throw new GantryError('invalid_input', `invalid signal: ${signal}`, {
    field: 'signal',
    value: signal,
    limit: '1 to 64, or a name such as SIGTERM',
  })
}
