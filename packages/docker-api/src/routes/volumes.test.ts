import { type IncomingMessage, request } from 'node:http'
import { GantryError, type VolumeInspect } from '@gantry/contracts'
import { ensureDefaultProject } from '@gantry/core'
import { type TestBackend, testBackend } from '@gantry/core/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestServer, testServer } from '../testing/test-server.ts'
import { volumeRoutes } from './volumes.ts'

let test: TestBackend
let server: TestServer

const volume = (name: string, more: Partial<VolumeInspect> = {}): VolumeInspect => ({
  ...{ name, projectId: 'default', driver: 'local', mountpoint: `/v/${name}`, options: {}, labels: {}, anonymous: false, usedBy: [] },
  createdAt: '2026-11-25T09:00:00.123Z',
  ...more,
})
const volumes = [
  volume('data', { labels: { tier: 'gold' }, usedBy: ['web'] }),
  volume('nfs', { options: { type: 'nfs' } }),
  volume('far', { driver: 'remote' }),
]

beforeAll(async () => {
  test = await testBackend()
  await ensureDefaultProject(test.backend)
  const missing = (name: string) => new GantryError('not_found', `no such volume: ${name}`, { field: 'volume', value: name })
  test.agent.answers = {
    'volume.list': () => volumes,
    'volume.create': ({ spec }) => {
      if (spec.options?.colour) throw new GantryError('invalid_input', 'invalid option: "colour"')
      return volume(spec.name ?? '', { labels: spec.labels ?? {}, options: spec.options ?? {} })
    },
    'volume.inspect': ({ volume: name }) => {
      const found = volumes.find((each) => each.name === name)
      if (!found) throw missing(name)
      return found
    },
    'volume.remove': ({ volume: name, force }) => {
      if (name === 'data') throw new GantryError('wrong_state', 'volume data is in use by web', { value: 'abc' })
      if (!force && !volumes.some((each) => each.name === name)) throw missing(name)
      return {}
    },
    'volume.prune': ({ names = [] }) => ({ removed: names, reclaimedBytes: 42 }),
  }
  server = await testServer(test, volumeRoutes)
})
afterAll(() => server[Symbol.asyncDispose]())

/** Status and body of an answer. */
async function ask(method: string, path: string, body?: object): Promise<[status: number, body: unknown]> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(
      { socketPath: server.socketPath, method, path, headers: { 'content-type': 'application/json', connection: 'close' } },
      resolve,
    )
    asked.on('error', reject)
    asked.end(body === undefined ? '' : JSON.stringify(body))
  })
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  return [answer.statusCode ?? 0, text === '' ? undefined : JSON.parse(text)]
}
const filtered = async (filters: object): Promise<string[]> => {
  const [, body] = await ask('GET', `/volumes?filters=${encodeURIComponent(JSON.stringify(filters))}`)
  return (body as { Volumes: { Name: string }[] }).Volumes.map(({ Name }) => Name)
}

it('lists volumes in docker’s shape, by its filters', async () => {
  const [status, body] = await ask('GET', '/v1.41/volumes')
  expect([status, body]).toMatchObject([
    200,
    {
      Volumes: [
        {
          ...{ CreatedAt: '2026-11-25T09:00:00Z', Driver: 'local', Labels: { tier: 'gold' }, Mountpoint: '/v/data', Name: 'data' },
          ...{ Options: null, Scope: 'local' },
        },
        { Labels: null, Options: { type: 'nfs' } },
        {},
      ],
      Warnings: null,
    },
  ])
  expect(await filtered({ dangling: ['true'] })).toEqual(['nfs', 'far'])
  expect(await filtered({ dangling: { false: true } })).toEqual(['data'])
  expect(await filtered({ driver: ['remote', 'other'] })).toEqual(['far'])
  expect(await filtered({ label: ['tier=gold'] })).toEqual(['data'])
  expect(await filtered({ name: ['a'] })).toEqual(['data', 'far'])
  expect(await ask('GET', '/volumes?filters={"colour":["blue"]}')).toEqual([400, { message: "invalid filter 'colour'" }])
})

it('makes volumes, and says what is wrong with one by its name', async () => {
  expect(await ask('POST', '/volumes/create', { Name: 'new', DriverOpts: { type: 'tmpfs' }, Labels: { a: 'b' } })).toMatchObject([
    201,
    { Name: 'new', Options: { type: 'tmpfs' }, Labels: { a: 'b' } },
  ])
  const [, anonymous] = await ask('POST', '/volumes/create')
  expect(anonymous).toMatchObject({ Name: expect.stringMatching(/^[0-9a-f]{64}$/), Labels: { 'com.docker.volume.anonymous': '' } })
  expect(await ask('POST', '/volumes/create', { Name: 'x', DriverOpts: { colour: 'blue' } })).toEqual([
    400,
    { message: 'create x: invalid option: "colour"' },
  ])
  expect((await ask('POST', '/volumes/create', { Name: '../x' }))[0]).toBe(400)
  expect((await ask('POST', '/volumes/create', { Name: 'x', ClusterVolumeSpec: {} }))[0]).toBe(503)
})

it('inspects and removes; what is missing or in use is told as docker tells it', async () => {
  expect((await ask('GET', '/volumes/nfs'))[0]).toBe(200)
  expect(await ask('GET', '/volumes/none')).toEqual([404, { message: 'get none: no such volume' }])
  expect(await ask('GET', '/volumes/no$name')).toEqual([404, { message: 'get no$name: no such volume' }])
  expect(await ask('DELETE', '/volumes/nfs')).toEqual([204, undefined])
  expect(await ask('DELETE', '/volumes/none')).toEqual([404, { message: 'get none: no such volume' }])
  expect(await ask('DELETE', '/volumes/none?force=1')).toEqual([204, undefined])
  expect(await ask('DELETE', '/volumes/data')).toEqual([409, { message: 'remove data: volume is in use - [abc]' }])
})

it('prunes those without a name since 1.42, all before, and by labels', async () => {
  const asked = async (path: string) => {
    const answer = await ask('POST', path)
    return [answer, test.agent.asked('volume.prune').at(-1)]
  }
  const names = ['data', 'nfs', 'far']
  expect(await asked('/v1.41/volumes/prune')).toMatchObject([[200, { VolumesDeleted: names, SpaceReclaimed: 42 }], { all: true, names }])
  expect(await asked('/v1.42/volumes/prune')).toMatchObject([[200, {}], { all: false }])
  const filters = encodeURIComponent('{"all":["1"],"label!":["tier"]}')
  expect(await asked(`/v1.42/volumes/prune?filters=${filters}`)).toMatchObject([[200, {}], { all: true, names: ['nfs', 'far'] }])
})
