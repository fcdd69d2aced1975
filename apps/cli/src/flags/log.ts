import { type ContainerSpecInput, GantryError } from '@gantry/contracts'
import { parseInteger, parseSize } from './size.ts'

type Log = NonNullable<ContainerSpecInput['log']>

/** Each --log-opt by its docker name. */
const options: Readonly<Record<string, (text: string) => Log>> = {
  'max-size': (text) => ({ maxSizeBytes: parseSize('--log-opt max-size', text) }),
  'max-file': (text) => ({ maxFiles: parseInteger('--log-opt max-file', text) }),
  compress: (text) => ({ compress: text === 'true' }),
  labels: (text) => ({ labels: text.split(',') }),
  'labels-regex': (text) => ({ labelsRegex: text }),
  env: (text) => ({ env: text.split(',') }),
  'env-regex': (text) => ({ envRegex: text }),
  tag: (text) => ({ tag: text }),
  mode: (text) => ({ mode: text as 'blocking' }),
  'syslog-address': (text) => ({ syslog: { address: text } }),
  'syslog-facility': (text) => ({ syslog: { facility: text as 'daemon' } }),
  'syslog-format': (text) => ({ syslog: { format: text as 'rfc3164' } }),
}

/** `--log-driver` and `--log-opt`; the schema judges what the words mean. */
export function parseLog(driver: string | undefined, given: Readonly<Record<string, string>>): Log {
  const log: Log = driver === undefined ? {} : { driver: driver as 'json-file' }
  for (const [name, text] of Object.entries(given)) {
    const read = options[name]
    if (!read) throw new GantryError('invalid_input', `--log-opt ${name}: is not known`, { field: '--log-opt', value: name })
    const { syslog, ...rest } = read(text)
    Object.assign(log, rest, syslog && { syslog: { ...log.syslog, ...syslog } })
  }
  return log
}
