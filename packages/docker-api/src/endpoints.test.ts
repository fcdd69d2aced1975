import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Router } from './router.ts'
import { routes } from './routes/table.ts'
import { isRefusing } from './testing/index.ts'
import { newestVersion } from './version.ts'

const read = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')
const listed = read('docker-endpoints.txt')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))

it('has a row for every endpoint of Docker’s, but for those that docs/docker-compat.md names', () => {
  const router = new Router(routes)
  const found = listed.map((line) => {
    const [method = '', path = ''] = line.split(' ')
    const route = router.find(method, path.replace(/\{\w+\}/g, 'x'), newestVersion)?.route
    return { line, state: route === undefined ? 'missing' : isRefusing(route) ? 'refused' : 'done' }
  })
  const count = (state: string) => found.filter((each) => each.state === state).length
  console.log(
    `Docker endpoints: ${count('done')} of ${listed.length} done; ${count('refused')} answered as by an engine without swarm and plugins; ${count('missing')} missing`,
  )
  expect(found.filter(({ state }) => state === 'missing').map(({ line }) => line)).toEqual(['POST /session', 'POST /grpc'])
  const compat = read('docker-compat.md')
  for (const { line, state } of found) {
    const [, folder = ''] = /^\w+ \/([a-z]+)/.exec(line) ?? []
    if (state !== 'done' && folder !== 'tasks') expect([line, compat.includes(`/${folder}`)]).toEqual([line, true])
  }
})

it('has no row that Docker has not', () => {
  const known = new Set(listed.map((line) => line.replace(/\{\w+\}/g, '{}')))
  const odd = routes.map(({ method, path }) => `${method} ${path.replace(/\{\w+\*?\}/g, '{}')}`).filter((line) => !known.has(line))
  // The table of swarm answers has the same rows for each kind.
  expect(odd.filter((line) => !/ \/(nodes|services|tasks|secrets|configs)\b/.test(line))).toEqual([])
})
