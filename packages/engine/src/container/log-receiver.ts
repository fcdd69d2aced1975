import { existsSync } from 'node:fs'
import { lookup } from 'node:dns/promises'
import { hostname } from 'node:os'
import { GantryError, type LogSpec } from '@gantry/contracts'
import { journalSocket, type LogReceiver } from '../plan/log.ts'

/** Where a receiver of syslog lines listens unless the spec says otherwise (syslog(3)). */
const localSyslog = 'unixgram:///dev/log'
const syslogPort = 514

/** Looked up at each start, as names and sockets come and go. Undefined for a log that is a file. Throws `unsupported`. */
export async function findReceiver(log: LogSpec): Promise<LogReceiver | undefined> {
  if (log.driver === 'journald') {
    if (!existsSync(journalSocket)) throw noDriver('journald is not enabled on this host', log)
    return undefined
  }
  if (log.driver !== 'syslog') return undefined
  const address = log.syslog.address ?? localSyslog
  const [, network = '', rest = ''] = /^(\w+):\/\/(.+)$/.exec(address) ?? []
  if (network === 'unix' || network === 'unixgram') {
    if (!existsSync(rest)) throw noDriver(`nothing listens at ${rest}`, log)
    return { network, address: rest, port: 0, hostname: hostname() }
  }
  const { host, port } = hostAndPort(rest)
  try {
    return { network: network === 'tcp' ? 'tcp' : 'udp', address: (await lookup(host)).address, port, hostname: hostname() }
  } catch (cause) {
    throw noDriver(`host ${host} is not known`, log, cause)
  }
}

/** `name`, `name:514`, `[::1]:514`. */
function hostAndPort(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined)
    throw new GantryError('invalid_input', `${text} is not HOST or HOST:PORT`, { field: 'log.syslog.address', value: text })
  return { host, port: port === undefined ? syslogPort : Number(port) }
}

function noDriver(why: string, log: LogSpec, cause?: unknown): GantryError {
  return new GantryError(
    'unsupported',
    `failed to initialize logging driver: ${why}`,
    { field: 'log.driver', value: log.driver, remedy: 'use json-file or local' },
    { cause },
  )
}
