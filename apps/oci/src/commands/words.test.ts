import { expect, test } from 'vitest'
import { parseCpus } from './cpu-list.ts'
import { signalNumber } from './kill.ts'

test('signals by number and name', () => {
  expect(['9', 'KILL', 'SIGKILL', 'sigkill', '0', 'RTMIN', 'SIGRTMIN+3', 'RTMAX-2', 'IOT'].map(signalNumber)).toEqual([
    9, 9, 9, 9, 0, 34, 37, 62, 6,
  ])
  for (const text of ['65', '-1', 'SIGNOSUCH', '', 'RTMIN+31', 'RTMAX+1'])
    expect(() => signalNumber(text)).toThrow(`unknown signal ${text}`)
})

test('lists of processors', () => {
  expect(parseCpus('0-3, 7')).toEqual([0, 1, 2, 3, 7])
  for (const text of ['3-1', 'a', '', '1024', '1-']) expect(() => parseCpus(text)).toThrow(`cpu list ${text} is not like 0-3,7`)
})
