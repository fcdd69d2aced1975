import { existsSync, readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GantryError } from '@gantry/contracts'
import { attachContainer } from './attach.ts'
import { killContainer } from './kill.ts'
import { pauseContainer, unpauseContainer } from './pause.ts'
import { pruneContainers } from './prune.ts'
import { Recorder } from './recording-parts.ts'
import { removeContainer } from './remove.ts'
import { renameContainer } from './rename.ts'
import { restartContainer } from './restart.ts'
import { startContainer } from './start.ts'
import { stopContainer } from './stop.ts'
import { updateContainer } from './update.ts'

const never = new AbortController().signal
let recorder: Recorder
beforeEach(() => {
  recorder = new Recorder()
})
afterEach(() => {
  vi.useRealTimers()
  recorder.remove()
})

describe('create', () => {
  test('takes a snapshot, volumes and the image, and says so once', async () => {
    const container = await recorder.create({ name: 'web' })
    expect([...recorder.held].map((entry) => entry.split(' ')[0]).sort()).toEqual(['image', 'snapshot', 'volume'])
    expect(container.state.status).toBe('created')
    await expect(recorder.create({ name: 'web' })).rejects.toMatchObject({ code: 'already_exists' })
    await vi.waitFor(() => expect(recorder.actions()).toEqual(['create']))
  })

  test.each(['snapshot', 'volume', 'image'])('a failing %s leaves nothing, not even the name', async (what) => {
    recorder.refuse.set(what, new GantryError('no_space', 'disk full'))
    await expect(recorder.create({ name: 'web' })).rejects.toThrow('disk full')
    expect([...recorder.held]).toEqual([])
    expect(readdirSync(recorder.parts.store.root)).toEqual([])
    await recorder.create({ name: 'web' })
  })

  test('bad requests leave nothing', async () => {
    await expect(recorder.create({ networkMode: 'container:nobody' })).rejects.toMatchObject({ code: 'not_found' })
    await expect(recorder.create({ entrypoint: [''], command: [] })).rejects.toMatchObject({ code: 'invalid_input' })
    expect([...recorder.held]).toEqual([])
  })
})

describe('start and end', () => {
  test('holds the output for every viewer that waits for the start, and calls off those that leave meanwhile', async () => {
    const container = await recorder.create({ name: 'web' })
    const channel = { incoming: (async function* () {})(), write: async () => {}, end: () => {} }
    const request = { stdin: false, stdout: true, stderr: true, logs: false }
    const leaving = new AbortController()
    const attach = vi.spyOn(recorder.parts.kernel, 'attach').mockRejectedValue(new GantryError('not_found', 'ended'))
    const callOff = vi.spyOn(recorder.parts.kernel, 'callOff')
    const stays = attachContainer(recorder.parts, container, request, channel, never)
    const leaves = expect(attachContainer(recorder.parts, container, request, channel, leaving.signal)).rejects.toThrow('left')
    const { start } = recorder.parts.kernel
    vi.spyOn(recorder.parts.kernel, 'start').mockImplementationOnce(async (plan) => {
      expect(plan.monitor).toContainEqual(['hold', '600000', '2'])
      leaving.abort(new GantryError('cancelled', 'left'))
      return start(plan)
    })
    await startContainer(recorder.parts, container)
    await leaves
    expect(callOff).toHaveBeenCalledTimes(1)
    expect(attach.mock.calls.map(([, options]) => [options.from, options.announced])).toEqual([[0, true]])
    recorder.exit(container, 3)
    expect(await stays).toMatchObject({ exitCode: 3 })
  })

  test('a whole life with its events in docker order', async () => {
    const container = await recorder.create({ name: 'web', labels: { a: '1' } })
    await startContainer(recorder.parts, container)
    expect(container.state).toMatchObject({ status: 'running', pid: 1000 })
    await expect(startContainer(recorder.parts, container)).rejects.toMatchObject({ code: 'wrong_state' })
    await expect(removeContainer(recorder.parts, container, { force: false, volumes: false })).rejects.toMatchObject({
      code: 'wrong_state',
    })
    const ended = container.wait('not-running', never)
    recorder.exit(container, 3)
    expect(await ended).toEqual({ exitCode: 3, oomKilled: false, error: '' })
    await removeContainer(recorder.parts, container, { force: false, volumes: true })
    await recorder.parts.background.settled()
    expect([...recorder.held]).toEqual([])
    expect(readdirSync(recorder.parts.store.root)).toEqual([])
    expect(() => recorder.parts.store.find('p', 'web')).toThrow('no such container')
    await vi.waitFor(() => expect(recorder.actions()).toEqual(['create', 'start', 'die', 'destroy']))
    expect(recorder.events[2]?.attributes).toEqual({ a: '1', image: 'busybox', name: 'web', exitCode: '3', execDuration: '0' })
  })

  test.each(['network', 'process'])('a start that fails in %s leaves nothing of itself', async (what) => {
    const container = await recorder.create()
    recorder.refuse.set(what, new GantryError('invalid_input', 'no such command', { step: 'exec nosuch', errno: 'ENOENT' }))
    const waiting = container.wait('next-exit', never)
    await expect(startContainer(recorder.parts, container)).rejects.toThrow('no such command')
    expect([...recorder.held].filter((entry) => entry.startsWith('network'))).toEqual([])
    expect(container.state).toMatchObject({ status: 'created', exitCode: 127, error: 'no such command', pid: 0 })
    expect((await waiting).exitCode).toBe(127)
    await startContainer(recorder.parts, container)
    expect(container.state).toMatchObject({ status: 'running', error: '' })
  })

  test('an end that is told before the start has returned is not lost', async () => {
    const container = await recorder.create()
    const { kernel } = recorder.parts
    const start = kernel.start.bind(kernel)
    kernel.start = async (plan) => {
      const started = await start(plan)
      recorder.exit(container, 9)
      return started
    }
    const ended = container.wait('next-exit', never)
    await startContainer(recorder.parts, container)
    expect((await ended).exitCode).toBe(9)
    expect(container.state.status).toBe('exited')
    await vi.waitFor(() => expect(recorder.actions()).toEqual(['create', 'start', 'die']))
  })

  test('automatic removal tells the exit code to those who wait for it', async () => {
    const container = await recorder.create({ autoRemove: true })
    await startContainer(recorder.parts, container)
    const removed = container.wait('removed', never)
    recorder.exit(container, 5, { oomKilled: true })
    expect(await removed).toMatchObject({ exitCode: 5, oomKilled: true })
    await recorder.parts.background.settled()
    expect([...recorder.held]).toEqual([])
    await vi.waitFor(() => expect(recorder.actions()).toEqual(['create', 'start', 'oom', 'die', 'destroy']))
  })
})

describe('stop and kill', () => {
  test('stop sends the stop signal, then kills the group after the grace', async () => {
    const container = await recorder.create({ stopSignal: 'SIGINT' })
    await startContainer(recorder.parts, container)
    await stopContainer(recorder.parts, container, { timeoutSeconds: 0 }, never)
    expect(recorder.signals).toEqual([2, 9])
    expect(container.state).toMatchObject({ status: 'exited', exitCode: 137 })
    await vi.waitFor(() => expect(recorder.actions()).toEqual(['create', 'start', 'kill', 'kill', 'die', 'stop']))
  })

  test('kill with a signal sends it and nothing more', async () => {
    const container = await recorder.create()
    await startContainer(recorder.parts, container)
    await killContainer(recorder.parts, container, 'HUP')
    expect(recorder.signals).toEqual([1])
    expect(container.state.status).toBe('running')
    await expect(killContainer(recorder.parts, container, 'NONE')).rejects.toMatchObject({ code: 'invalid_input' })
    await killContainer(recorder.parts, container, 'KILL')
    expect(container.state).toMatchObject({ status: 'exited', exitCode: 137 })
  })

  test('a paused container is thawed for its end', async () => {
    const container = await recorder.create()
    await startContainer(recorder.parts, container)
    await pauseContainer(recorder.parts, container)
    await expect(pauseContainer(recorder.parts, container)).rejects.toMatchObject({ code: 'wrong_state' })
    await unpauseContainer(recorder.parts, container)
    await pauseContainer(recorder.parts, container)
    await removeContainer(recorder.parts, container, { force: true, volumes: false })
    expect(existsSync(recorder.parts.store.folder(container.id))).toBe(false)
  })
})

describe('restart policy', () => {
  test('always: again after 100 ms, doubling; a stop by hand ends it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const container = await recorder.create({ restart: { name: 'always' } })
    await startContainer(recorder.parts, container)
    const notRunning = vi.fn()
    void container.wait('not-running', never).then(notRunning)
    for (const delay of [100, 200, 400]) {
      recorder.exit(container, 1)
      expect(container.state.status).toBe('restarting')
      await vi.advanceTimersByTimeAsync(delay - 1)
      expect(container.state.status).toBe('restarting')
      vi.advanceTimersByTime(1)
      await vi.waitFor(() => expect(container.state.status).toBe('running'))
      await vi.waitFor(() => expect(container.starting).toBe(false))
    }
    expect(container.state.restartCount).toBe(3)
    recorder.exit(container, 1)
    expect(notRunning).not.toHaveBeenCalled()
    await stopContainer(recorder.parts, container, {}, never)
    expect(container.state.status).toBe('exited')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(container.state.status).toBe('exited')
    expect(notRunning).toHaveBeenCalled()
  })

  test('on-failure: as often as allowed, a start that fails counted', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const container = await recorder.create({ restart: { name: 'on-failure', maximumRetryCount: 2 } })
    await startContainer(recorder.parts, container)
    recorder.exit(container, 1)
    recorder.refuse.set('process', new Error('no'))
    await vi.advanceTimersByTimeAsync(100)
    await vi.waitFor(() => expect(container.state).toMatchObject({ status: 'restarting', restartCount: 1 }))
    await vi.waitFor(() => expect(container.starting).toBe(false))
    await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0))
    await vi.advanceTimersByTimeAsync(1000)
    await vi.waitFor(() => expect(container.state).toMatchObject({ status: 'running', restartCount: 2 }))
    await vi.waitFor(() => expect(container.starting).toBe(false))
    recorder.exit(container, 1)
    expect(container.state.status).toBe('exited')
    await startContainer(recorder.parts, container)
    expect(container.state.restartCount).toBe(0)
    recorder.exit(container, 0)
    expect(container.state.status).toBe('exited')
  })
})

test('restart stops and starts, rename moves the name, update keeps what was not named', async () => {
  const container = await recorder.create({ name: 'a', resources: { pidsLimit: 10 } })
  await startContainer(recorder.parts, container)
  await restartContainer(recorder.parts, container, { timeoutSeconds: 0 }, never)
  expect(container.state).toMatchObject({ status: 'running', restartCount: 0 })
  await renameContainer(recorder.parts, container, 'b')
  expect(recorder.parts.store.find('p', 'b')).toBe(container)
  expect(recorder.parts.store.nameTaken('p', 'a')).toBe(false)
  await updateContainer(recorder.parts, container, { resources: { nanoCpus: 5e8 }, restart: { name: 'always' } })
  expect(container.record.spec).toMatchObject({ resources: { pidsLimit: 10, nanoCpus: 5e8 }, restart: { name: 'always' } })
  await vi.waitFor(() => expect(recorder.actions().slice(-4)).toEqual(['start', 'restart', 'rename', 'update']))
})

test('prune removes what does not run and matches', async () => {
  const [stopped, running, other] = [
    await recorder.create({ labels: { x: '1' } }),
    await recorder.create({ labels: { x: '1' } }),
    await recorder.create(),
  ]
  await startContainer(recorder.parts, running as never)
  expect(await pruneContainers(recorder.parts, { projectId: 'p', labels: ['x'] })).toEqual({ removed: [stopped?.id], reclaimedBytes: 10 })
  expect(recorder.parts.store.list('p').map((container) => container.id)).toEqual([running?.id, other?.id])
})

test('verbs on one container wait for each other', async () => {
  const container = await recorder.create()
  const results = await Promise.allSettled([
    startContainer(recorder.parts, container),
    startContainer(recorder.parts, container),
    removeContainer(recorder.parts, container, { force: true, volumes: false }),
    startContainer(recorder.parts, container),
  ])
  expect(results.map((result) => (result.status === 'fulfilled' ? 'done' : (result.reason as GantryError).code))).toEqual([
    'done',
    'wrong_state',
    'done',
    'not_found',
  ])
  await recorder.parts.background.settled()
  expect([...recorder.held]).toEqual([])
})
