import { expect, test } from 'vitest'
import { formatNumberList, isSubset, parseNumberList } from './number-list.ts'
import { parseBlkio, parseFlat, parseHostCpu, parseIoStat, parseLimit, parsePressure } from './parse.ts'
import { formatBytes } from './words.ts'

test('limits: none is 0, however it is spelt', () => {
  expect(['max\n', '9223372036854771712\n', '-1\n', null].map(parseLimit)).toEqual([0, 0, 0, 0])
  expect(parseLimit('1048576\n')).toBe(1048576)
})

test('flat files', () => {
  expect(parseFlat('usage_usec 12\nuser_usec 3\n')).toEqual({ usage_usec: 12, user_usec: 3 })
  expect(parseFlat(null)).toEqual({})
})

test('io of v1 and v2 come out alike', () => {
  const device = { major: 254, minor: 0, readBytes: 4096, writeBytes: 8192, readOps: 1, writeOps: 2 }
  const bytes = '254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 1\n254:0 Total 12288\nTotal 12288\n'
  expect(parseBlkio(bytes, '254:0 Read 1\n254:0 Write 2\nTotal 3\n')).toEqual([device])
  expect(parseIoStat('254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n7:0 \n')).toEqual([device])
  expect(parseBlkio('Total 0\n', null)).toEqual([])
})

test('pressure, with and without the full line', () => {
  const some = 'some avg10=1.50 avg60=0.00 avg300=0.00 total=1234\n'
  expect(parsePressure(`${some}full avg10=0.25 avg60=0.00 avg300=0.00 total=34\n`)).toEqual({
    someUs: 1234,
    someAvg10: 1.5,
    fullUs: 34,
    fullAvg10: 0.25,
  })
  expect(parsePressure(some)).toMatchObject({ someUs: 1234, fullUs: 0 })
  expect(parsePressure(null)).toBeUndefined()
})

test('host cpu time leaves guest time out, which user time has already', () => {
  const text = 'cpu  10 1 20 100 5 2 3 4 50 60\ncpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 1 1 1 1 1 1 1 1 1 1\nintr 5\n'
  expect(parseHostCpu(text)).toEqual({ totalNs: 145e7, busyNs: 40e7, onlineCpus: 2 })
})

test('cpu lists', () => {
  expect([...parseNumberList('0-2,4\n')]).toEqual([0, 1, 2, 4])
  expect(parseNumberList('').size).toBe(0)
  expect(formatNumberList([4, 0, 1, 2])).toBe('0-2,4')
  expect(isSubset(parseNumberList('1,2'), parseNumberList('0-2'))).toBe(true)
  expect(isSubset(parseNumberList('1,3'), parseNumberList('0-2'))).toBe(false)
})

test('sizes in words', () => {
  expect([0, 1536, 20 * 1024 ** 2, 3 * 1024 ** 4].map(formatBytes)).toEqual(['0 B', '1.5 KiB', '20 MiB', '3 TiB'])
})
