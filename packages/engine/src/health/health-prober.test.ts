import { healthcheckSchema } from '@gantry/contracts'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createHealthProber, type Health, probeCommand } from './health-prober.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

type Answer = { exitCode: number; output: string } | 'hang' | Error
/** A prober over a container that answers as scripted; the last answer repeats. */
function prober(check: object, answers: Answer[]) {
  const seen = { commands: [] as (readonly string[])[], changes: [] as string[], results: [] as Health[], killed: 0 }
  const made = createHealthProber({
    check: healthcheckSchema.parse({ test: ['CMD', 'probe'], intervalMs: 1000, timeoutMs: 100, ...check }),
    run: async (command, signal) => {
      const answer = answers[Math.min(seen.commands.length, answers.length - 1)]
      seen.commands.push(command)
      if (answer instanceof Error) throw answer
      if (answer !== 'hang' && answer) return answer
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          seen.killed++
          reject(new Error('killed'))
        }),
      )
    },
    onResult: (health) => seen.results.push(health),
    onChange: (status) => seen.changes.push(status),
  })
  return { ...seen, seen, made }
}
const ok = { exitCode: 0, output: 'fine' }
const bad = { exitCode: 1, output: 'broken' }

test.each([
  [
    ['CMD', 'a', 'b'],
    ['a', 'b'],
  ],
  [
    ['CMD-SHELL', 'a | b'],
    ['/bin/sh', '-c', 'a | b'],
  ],
  [['NONE'], null],
  [
    ['a', 'b'],
    ['a', 'b'],
  ],
])('%j runs %j', (given, expected) => expect(probeCommand(given)).toEqual(expected))

test('healthy on the first success, unhealthy after the retries, events only on change', async () => {
  const { made, seen } = prober({ retries: 3 }, [ok, ok, bad, bad, bad, bad, ok])
  expect(made.health.status).toBe('starting')
  made.start()
  await vi.advanceTimersByTimeAsync(7000)
  expect(seen.results.map(({ status, failingStreak }) => `${status} ${failingStreak}`)).toEqual([
    'healthy 0',
    'healthy 0',
    'healthy 1',
    'healthy 2',
    'unhealthy 3',
    'unhealthy 4',
    'healthy 0',
  ])
  expect(seen.changes).toEqual(['healthy', 'unhealthy', 'healthy'])
  expect(made.health.log).toHaveLength(5)
  expect(made.health.log.at(-1)).toMatchObject({ exitCode: 0, output: 'fine' })
  made.stop()
})

test('a probe beyond its timeout is killed and counts as failed', async () => {
  const { made, seen } = prober({ retries: 1 }, ['hang'])
  made.start()
  await vi.advanceTimersByTimeAsync(1100)
  expect(seen.killed).toBe(1)
  expect(made.health).toMatchObject({ status: 'unhealthy', log: [{ exitCode: -1, output: 'Health check exceeded timeout (100 ms)' }] })
  made.stop()
})

test('in the start period failures do not count and the start interval applies', async () => {
  const { made, seen } = prober({ retries: 1, startPeriodMs: 2500, startIntervalMs: 500 }, [bad])
  made.start()
  await vi.advanceTimersByTimeAsync(2499)
  expect(seen.commands).toHaveLength(4)
  expect(made.health).toMatchObject({ status: 'starting', failingStreak: 0 })
  await vi.advanceTimersByTimeAsync(2000)
  expect(made.health.status).toBe('unhealthy')
  made.stop()
})

test('the first success ends the start period', async () => {
  const { made } = prober({ retries: 1, startPeriodMs: 100_000, startIntervalMs: 500 }, [ok, bad])
  made.start()
  await vi.advanceTimersByTimeAsync(500)
  expect(made.health.status).toBe('healthy')
  await vi.advanceTimersByTimeAsync(1000)
  expect(made.health.status).toBe('unhealthy')
  made.stop()
})

test('stopping kills the probe and drops its result', async () => {
  const { made, seen } = prober({}, ['hang'])
  made.start()
  await vi.advanceTimersByTimeAsync(1050)
  made.stop()
  await vi.advanceTimersByTimeAsync(100_000)
  expect(seen).toMatchObject({ killed: 1, results: [], changes: [] })
  expect(seen.commands).toHaveLength(1)
})

test('a probe that cannot be run has failed; long output is cut', async () => {
  const { made } = prober({ retries: 9 }, [new Error('no such program'), { exitCode: 2, output: 'x'.repeat(5000) }])
  made.start()
  await vi.advanceTimersByTimeAsync(2000)
  expect(made.health.log[0]).toMatchObject({ exitCode: -1, output: 'no such program' })
  expect(made.health.log[1]?.output).toBe(`${'x'.repeat(4096)}...`)
  made.stop()
})

test('NONE never probes', async () => {
  const { made, seen } = prober({ test: ['NONE'] }, [ok])
  made.start()
  await vi.advanceTimersByTimeAsync(100_000)
  expect(seen.commands).toEqual([])
  expect(made.health.status).toBe('none')
})
