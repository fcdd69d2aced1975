import { logSchema } from '@gantry/contracts'
import { expect, test } from 'vitest'
import { fromLog, toLog } from './log.ts'

const there = (Type: string, Config: Record<string, string> = {}) => logSchema.parse(toLog({ Type, Config }))

test('every option of a driver is read, and told again by inspect', () => {
  const Config = {
    'max-size': '2m',
    'max-file': '4',
    compress: 'true',
    labels: 'a,b',
    'env-regex': '^X',
    tag: '{{.Name}}',
    mode: 'non-blocking',
  }
  expect(there('json-file', Config)).toMatchObject({
    maxSizeBytes: 2 ** 21,
    maxFiles: 4,
    compress: true,
    labels: ['a', 'b'],
    envRegex: '^X',
  })
  expect(fromLog(there('json-file', Config))).toEqual({ Type: 'json-file', Config })
  const remote = { 'syslog-address': 'udp://h:5', 'syslog-facility': 'local3', 'syslog-format': 'rfc5424' }
  expect(fromLog(there('syslog', remote))).toEqual({ Type: 'syslog', Config: remote })
  expect(fromLog(there('none'))).toEqual({ Type: 'none', Config: {} })
})

test('defaults are docker’s but for what would fill the disk', () => {
  expect(there('local')).toMatchObject({ maxSizeBytes: 20 * 2 ** 20, maxFiles: 5 })
  expect(there('json-file', { 'max-size': '1m' })).toMatchObject({ maxFiles: 1 })
  expect(fromLog(there('json-file', { 'max-size': '-1' })).Config).toMatchObject({ 'max-size': '-1' })
  expect(there('syslog', { 'syslog-facility': '1' }).syslog.facility).toBe('user')
})

test.each([
  ['gelf', {}, "logger: no log driver named 'gelf' is registered"],
  ['json-file', { fast: '1' }, "unknown log opt 'fast' for json-file log driver"],
  ['none', { 'max-size': '1m' }, "unknown log opt 'max-size' for none log driver"],
  ['json-file', { 'max-file': '0' }, 'max-file cannot be less than 1'],
  ['json-file', { 'max-size': 'lots' }, "invalid size: 'lots'"],
  ['json-file', { compress: 'true' }, 'compress cannot be true'],
  ['json-file', { 'max-buffer-size': '1m' }, "max-buffer-size option is only supported with 'mode=non-blocking'"],
  ['syslog', { 'syslog-facility': '99' }, 'invalid syslog facility'],
  ['syslog', { 'syslog-format': 'mine' }, 'Invalid syslog format'],
])('%s %j is refused', (driver, options, words) => {
  expect(() => toLog({ Type: driver, Config: options })).toThrow(words)
})
