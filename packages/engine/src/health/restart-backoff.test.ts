import { expect, test } from 'vitest'
import { nextRestartDelayMs, shouldRestart, shouldStartAtBoot } from './restart-backoff.ts'

test('the delay doubles from 100 ms to a minute and starts over after a run of 10 s', () => {
  let delay = 0
  const seen: number[] = []
  for (let i = 0; i < 12; i++) {
    delay = nextRestartDelayMs(delay, 50)
    seen.push(delay)
  }
  expect(seen).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000])
  expect(nextRestartDelayMs(60000, 9999)).toBe(60000)
  expect(nextRestartDelayMs(60000, 10000)).toBe(100)
})

const failed = { exitCode: 1, restartCount: 0, stoppedByUser: false }
test.each([
  ['no', { name: 'no' }, failed, false],
  ['always after success', { name: 'always' }, { ...failed, exitCode: 0 }, true],
  ['always after a stop by hand', { name: 'always' }, { ...failed, stoppedByUser: true }, false],
  ['unless-stopped', { name: 'unless-stopped' }, failed, true],
  ['on-failure after success', { name: 'on-failure', maximumRetryCount: 0 }, { ...failed, exitCode: 0 }, false],
  ['on-failure without a bound', { name: 'on-failure', maximumRetryCount: 0 }, { ...failed, restartCount: 99 }, true],
  ['on-failure within its bound', { name: 'on-failure', maximumRetryCount: 3 }, { ...failed, restartCount: 2 }, true],
  ['on-failure at its bound', { name: 'on-failure', maximumRetryCount: 3 }, { ...failed, restartCount: 3 }, false],
] as const)('restart: %s', (_name, policy, run, expected) => {
  expect(shouldRestart(policy, run)).toBe(expected)
})

const stopped = { wasRunning: false, stoppedByUser: true, exitCode: 137 }
test.each([
  ['no', { name: 'no' }, { ...stopped, wasRunning: true, stoppedByUser: false }, false],
  ['always, stopped by hand', { name: 'always' }, stopped, true],
  ['unless-stopped, stopped by hand', { name: 'unless-stopped' }, stopped, false],
  ['unless-stopped, ended by a reboot', { name: 'unless-stopped' }, { ...stopped, stoppedByUser: false }, true],
  [
    'on-failure, killed by a reboot',
    { name: 'on-failure', maximumRetryCount: 0 },
    { ...stopped, wasRunning: true, stoppedByUser: false },
    true,
  ],
  ['on-failure, ended well', { name: 'on-failure', maximumRetryCount: 0 }, { wasRunning: true, stoppedByUser: false, exitCode: 0 }, false],
] as const)('at boot: %s', (_name, policy, last, expected) => {
  expect(shouldStartAtBoot(policy, last)).toBe(expected)
})
