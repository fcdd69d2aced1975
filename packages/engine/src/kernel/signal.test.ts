import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { startTicks } from './proc.ts'
import { signalProcess } from './signal.ts'

it('hits the process that was meant, and no other with its pid', async () => {
  const child = spawn('sleep', ['1000'])
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  const pid = child.pid ?? 0
  const ticks = await startTicks(pid)
  expect(ticks).toBeGreaterThan(0)
  expect(signalProcess({ pid, startTicks: ticks + 1 }, 9)).toBe(false)
  expect(signalProcess({ pid, startTicks: ticks }, 0)).toBe(true)
  expect(signalProcess({ pid, startTicks: ticks }, 15)).toBe(true)
  expect(await ended).toBe('SIGTERM')
  expect(signalProcess({ pid, startTicks: ticks }, 9)).toBe(false)
  expect(await startTicks(pid)).toBe(0)
})

it('says that signals do not exist', async () => {
  const own = { pid: process.pid, startTicks: await startTicks(process.pid) }
  expect(() => signalProcess(own, 4711)).toThrowError(/errno 22/)
})
