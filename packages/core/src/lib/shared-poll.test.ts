import { expect, it } from 'vitest'
import { SharedPolls } from './shared-poll.ts'

it('asks once for all who watch, and stops when nobody does', async () => {
  const polls = new SharedPolls()
  let asked = 0
  const load = async () => ++asked
  const abort = new AbortController()
  const watchers = Array.from({ length: 5 }, () => polls.watch('key', 1, load, abort.signal))
  const first = await Promise.all(watchers.map((watcher) => watcher.next()))
  expect(first.map(({ value }) => value)).toEqual([1, 1, 1, 1, 1])
  expect((await watchers[0]?.next())?.value).toBeGreaterThan(1)
  abort.abort()
  for (const watcher of watchers) expect((await watcher.next()).done).toBe(true)
  const after = asked
  const again = new AbortController()
  const late = polls.watch('key', 1, load, again.signal)
  expect((await late.next()).value).toBe(after + 1)
  await late.return(undefined)
})

it('fails for everybody when asking fails, and starts anew', async () => {
  const polls = new SharedPolls()
  let broken = true
  const load = async () => {
    if (broken) throw new Error('down')
    return 'up'
  }
  const { signal } = new AbortController()
  await expect(polls.watch('key', 1, load, signal).next()).rejects.toThrow('down')
  broken = false
  const watcher = polls.watch('key', 1, load, signal)
  expect((await watcher.next()).value).toBe('up')
  await watcher.return(undefined)
})
