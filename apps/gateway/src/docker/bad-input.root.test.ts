import { readdirSync, readlinkSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { routes } from '@gantry/docker-api'
import {
  type BadRequest,
  badBodies,
  badFields,
  badNames,
  badQueries,
  isRefusing,
  leave,
  leavings,
  missingThings,
  type Names,
  send,
  sendAll,
  wholeRequests,
} from '@gantry/docker-api/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestInstance } from '../testing/test-instance.ts'

const agent = new Agent({ keepAlive: true, maxSockets: 4 })
let instance: TestInstance
let socketPath = ''
beforeAll(async () => {
  instance = await TestInstance.start()
  socketPath = join(instance.runDir, 'docker.sock')
})
afterAll(() => instance[Symbol.asyncDispose]())

async function ask(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
  return send({ socketPath, agent }, { method, path, body: body && JSON.stringify(body) })
}
const idsOf = async (path: string, key = 'Id'): Promise<string[]> =>
  (JSON.parse((await ask('GET', path)).text) as Record<string, string>[]).map((each) => each[key] ?? '').sort()
const everything = async () => ({
  containers: await idsOf('/containers/json?all=1'),
  networks: await idsOf('/networks'),
  images: await idsOf('/images/json?all=1'),
  volumes: (JSON.parse((await ask('GET', '/volumes')).text) as { Volumes: { Name: string }[] }).Volumes.map(({ Name }) => Name),
  /** What the agent keeps of containers, their commands and their links on disk and in memory. */
  folders: ['containers', 'execs'].map((name) => foldersIn(join(instance.dataDir, name))),
})
function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const names: Names = { container: 'fuzzed', exec: 'nothing', image: 'busybox', network: 'fuzzed', volume: 'fuzzed' }

/** Something real to be wrong about; a request that was right after all may have taken it away. */
async function prepare(): Promise<void> {
  await ask('POST', '/volumes/create', { Name: 'fuzzed' })
  await ask('POST', '/networks/create', { Name: 'fuzzed' })
  // What a client that has left asked for may be done only now, as a removal.
  await expect
    .poll(async () => {
      await ask('POST', '/containers/create?name=fuzzed', { Image: 'busybox', Cmd: ['sleep', '1000'], StopSignal: 'SIGKILL' })
      await ask('POST', '/containers/fuzzed/unpause')
      return (await ask('POST', '/containers/fuzzed/start')).status
    })
    .toSatisfy((status) => status === 204 || status === 304)
}

/** Removes all that somebody asked for; what is left then was not asked for. */
async function clear(): Promise<void> {
  for (const id of await idsOf('/containers/json?all=1')) await ask('DELETE', `/containers/${id}?force=1&v=1`)
  await ask('POST', '/networks/prune')
  await ask('POST', '/volumes/prune?filters={"all":["1"]}')
  await ask('DELETE', '/images/other?force=1')
}

/** A row with its requests, so that what it needs is made once a row. */
function* byRow(requests: Iterable<BadRequest>): Generator<BadRequest[]> {
  const rows = new Map<BadRequest['route'], BadRequest[]>()
  for (const request of requests) rows.set(request.route, [...(rows.get(request.route) ?? []), request])
  yield* rows.values()
}

/** What a process has open, by kind. */
function descriptorsOf(process: { pid?: number } | undefined): string[] {
  const folder = `/proc/${process?.pid}/fd`
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(join(folder, name)).replace(/:\[\d+\]$/, '')]
    } catch {
      // Closed meanwhile.
      return []
    }
  })
}

/** What is open now and was not before. */
function more(before: readonly string[], process: { pid?: number } | undefined): string[] {
  const left = [...before]
  return descriptorsOf(process).filter((kind) => {
    const at = left.indexOf(kind)
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}

it('breaks nothing and leaves nothing behind, whatever is sent and whoever goes away', async () => {
  // What is opened once and kept is open now.
  await askAndLeave(['goes'])
  await ask('GET', '/containers/fuzzed/logs?stdout=1&follow=1')
  await clear()
  const before = await everything()
  expect(before).toMatchObject({ containers: [], volumes: [] })
  const descriptors = { agent: descriptorsOf(instance.agent), gateway: descriptorsOf(instance.gateway) }

  const wrong: object[] = await sendAll(missingThings(routes), { socketPath, agent, atOnce: 4 })
  const real = [
    ...every(3, badNames(routes)),
    ...every(4, badQueries(routes, names)),
    ...badBodies(routes, names),
    ...every(17, badFields(routes, names)),
  ]
  for (const requests of byRow(real)) {
    await prepare()
    wrong.push(...(await sendAll(requests, { socketPath, agent, atOnce: 4 })))
  }
  expect(wrong).toEqual([])

  await askAndLeave(leavings)
  await clear()
  expect(await everything()).toEqual(before)
  agent.destroy()
  await expect.poll(() => more(descriptors.gateway, instance.gateway), { timeout: 60_000 }).toEqual([])
  await expect.poll(() => more(descriptors.agent, instance.agent), { timeout: 60_000 }).toEqual([])
})

/** Asks every row for what it does, and is gone before it is done. */
async function askAndLeave(ways: readonly (typeof leavings)[number][]): Promise<void> {
  for (const request of wholeRequests(routes, names)) {
    if (isRefusing(request.route)) continue
    await prepare()
    for (const how of ways) {
      if (how.endsWith('body') && !request.body) continue
      // Whoever waits for what never ends is bored soon.
      await leave(socketPath, request, how, AbortSignal.timeout(300))
    }
  }
}

/** All of them were sent to the parser already, in its own test; here some go all the way. */
function* every<T>(nth: number, all: Iterable<T>): Generator<T> {
  let index = 0
  for (const each of all) if (index++ % nth === 0) yield each
}
