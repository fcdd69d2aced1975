import type { Route } from '../route.ts'
import { fieldsOf, put, queryKeys } from './schema-fields.ts'

/** A request that no client should send, and what must come of it. */
export interface BadRequest {
  readonly route: Route
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly type?: string
  /** Absent: any answer that is no failure of the engine. */
  readonly expected?: { readonly status: number; readonly message?: RegExp }
}

/** Names to put into paths and bodies: of things that are there, or of such that are not. */
export interface Names {
  readonly container: string
  readonly exec: string
  readonly image: string
  readonly network: string
  readonly volume: string
}
const unknown: Names = { container: 'nothing', exec: 'nothing', image: 'nothing', network: 'nothing', volume: 'nothing' }

/** What a row needs so that nothing is wrong with a request but what is made wrong on purpose. */
const needs: Record<string, { query?: string; body?: (names: Names) => object }> = {
  'POST /containers/create': { body: ({ image }) => ({ Image: image, Cmd: ['true'] }) },
  'POST /containers/{id}/attach': { query: 'stream=1&stdout=1' },
  'GET /containers/{id}/attach/ws': { query: 'stream=1&stdout=1' },
  'POST /containers/{id}/rename': { query: 'name=other' },
  'POST /containers/{id}/resize': { query: 'h=10&w=10' },
  'GET /containers/{id}/logs': { query: 'stdout=1' },
  'GET /containers/{id}/stats': { query: 'stream=0&one-shot=1' },
  'HEAD /containers/{id}/archive': { query: 'path=/etc' },
  'GET /containers/{id}/archive': { query: 'path=/etc' },
  'PUT /containers/{id}/archive': { query: 'path=/etc' },
  'POST /containers/{id}/exec': { body: () => ({ Cmd: ['true'] }) },
  'POST /exec/{id}/resize': { query: 'h=10&w=10' },
  'POST /commit': { query: 'container=nothing' },
  'POST /images/create': { query: 'fromImage=127.0.0.1:1/nothing:1' },
  'POST /images/{name*}/tag': { query: 'repo=other' },
  'GET /images/get': { query: 'names=nothing' },
  'POST /networks/create': { body: () => ({ Name: 'made' }) },
  'POST /networks/{id}/connect': { body: ({ container }) => ({ Container: container }) },
  'POST /networks/{id}/disconnect': { body: ({ container }) => ({ Container: container }) },
}

const keyOf = ({ method, path }: Route) => `${method} ${path}`
const bodyFor = (route: Route, names: Names): object => needs[keyOf(route)]?.body?.(names) ?? {}

function pathFor(route: Route, names: Names, name?: string): string {
  const kind = route.path.split('/')[1]
  const real = { containers: names.container, exec: names.exec, networks: names.network, volumes: names.volume }[kind ?? ''] ?? names.image
  return route.path.replace(/\{[^}]+\}/g, name ?? real)
}

function withQuery(path: string, ...parts: (string | undefined)[]): string {
  const query = parts.filter((part) => part !== undefined && part !== '').join('&')
  return query === '' ? path : `${path}?${query}`
}

/** Rows that say the same to everybody: no swarm, no plugins, no checkpoints. */
export const isRefusing = ({ method, path }: Route): boolean =>
  /^\/(swarm|nodes|services|tasks|secrets|configs|plugins)\b|\/checkpoints/.test(path) ||
  path === '/images/search' ||
  (method === 'PUT' && path === '/volumes/{name}')

/** Docker's words for what is not there. */
const missing: readonly [RegExp, RegExp][] = [
  [/^\/containers\/\{/, /^No such container: nothing$/],
  [/^\/exec\/\{/, /^No such exec instance: nothing$/],
  [/^\/images\/\{/, /^No such image: nothing/],
  [/^\/images\/get/, /^No such image: nothing/],
  [/^\/networks\/\{/, /^network nothing not found$/],
  [/^\/volumes\/\{/, /^get nothing: no such volume$/],
  [/^\/commit/, /^No such container: nothing$/],
  [/^\/build\/cancel/, /^no such build/i],
]

/** Things that are not there, each told as Docker tells it. */
export function* missingThings(routes: readonly Route[]): Generator<BadRequest> {
  for (const route of routes) {
    const words = missing.find(([path]) => path.test(route.path))?.[1]
    // A push has begun its answer by then.
    if (!words || isRefusing(route) || route.path.endsWith('/push')) continue
    const path = withQuery(pathFor(route, unknown), needs[keyOf(route)]?.query)
    const body = route.body && JSON.stringify(bodyFor(route, unknown))
    yield { route, method: route.method, path, body, expected: { status: 404, message: words } }
  }
}

const numbers = ['limit', 'h', 'w', 'keep-storage']
const isNumber = (key: string, { path }: Route) => numbers.includes(key) || (key === 't' && path.startsWith('/containers/'))
const noNumbers = ['many', '1e999', '99999999999999999999', '0.5', '0x10z', '[]']
const noFilters = [
  'red',
  '[1]',
  '7',
  '"text"',
  '{"label":7}',
  '{"label":[{}]}',
  '{"label":{"a":"yes"}}',
  '{"no such filter":["x"]}',
  '{"a":',
]
/** What no client should send, in every place where something can be sent. */
const words = [
  ...['\u0000', '../../etc/passwd', '-1', '1e999', '99999999999999999999', '[]', '{"a":', '<script>', 'ﷺ'.repeat(300)],
  ...['%n%s', '$(id)', '(a+)+$', 'a'.repeat(20_000), '-', ' ', '\r\nX-Evil: 1'],
]

/** Every parameter of every row with what it cannot be. */
export function* badQueries(routes: readonly Route[], names = unknown): Generator<BadRequest> {
  for (const route of routes) {
    if (isRefusing(route)) continue
    const { method } = route
    const needed = needs[keyOf(route)]?.query
    const body = route.body && JSON.stringify(bodyFor(route, names))
    const send = (key: string, value: string, expected?: BadRequest['expected']): BadRequest => {
      const others = needed?.split('&').filter((part) => !part.startsWith(`${key}=`)) ?? []
      return { route, method, path: withQuery(pathFor(route, names), ...others, `${key}=${encodeURIComponent(value)}`), body, expected }
    }
    for (const key of queryKeys(route.query)) {
      if (isNumber(key, route)) for (const value of noNumbers) yield send(key, value, { status: 400 })
      if (key === 'filters') for (const value of noFilters) yield send(key, value, { status: 400, message: /^invalid filter/ })
      for (const value of words) yield send(key, value)
    }
  }
}

/** Names that nothing can have. */
export function* badNames(routes: readonly Route[]): Generator<BadRequest> {
  for (const route of routes) {
    if (!route.path.includes('{')) continue
    for (const name of ['%00', '..%2F..', '.', '-rf', 'a'.repeat(5000), '%EF%B7%BA', '%20', '%0d%0aX:%201', '%ff', '*', 'sha256:abc']) {
      const path = withQuery(pathFor(route, unknown, name), needs[keyOf(route)]?.query)
      yield { route, method: route.method, path, body: route.body && JSON.stringify(bodyFor(route, unknown)) }
    }
    yield { route, method: route.method, path: pathFor(route, unknown, '%zz'), expected: { status: 400, message: /invalid URL escape/ } }
  }
}

/** Bodies that are none, or no JSON, or no object. */
export function* badBodies(routes: readonly Route[], names = unknown): Generator<BadRequest> {
  for (const route of routes) {
    if (!route.body) continue
    const { method } = route
    const path = withQuery(pathFor(route, names), needs[keyOf(route)]?.query)
    const refused = { status: 400 }
    if (route.emptyBody === undefined) yield { route, method, path, expected: { status: 400, message: /EOF/ } }
    for (const body of ['{', '{"a":', 'text', '{"a":1}}', "{'a':1}", '\u0000', '{"a":1e}', '\ufeff'])
      yield { route, method, path, body, expected: refused }
    for (const body of ['[]', '"text"', '0', 'true', '[{}]']) yield { route, method, path, body, expected: refused }
    const whole = JSON.stringify(bodyFor(route, names))
    yield { route, method, path, body: whole, type: 'text/plain', expected: { status: 400, message: /Content-Type/ } }
    yield { route, method, path, body: `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}` }
    yield { route, method, path, body: '{"__proto__":{"Image":"x"},"constructor":1,"toString":null}' }
  }
}

/** Of every JSON type some values, and what is at its edge. */
const kinds: Record<string, readonly unknown[]> = {
  number: [1e300, -1, 0.5, 2 ** 53],
  text: ['text', '', '\u0000../../x', 'a'.repeat(70_000)],
  yes: [true],
  list: [[7], [null], [[]], Array.from({ length: 3000 }, () => 'x')],
  object: [{}, { x: 7 }, { x: {} }, { '': '' }],
}

/** Every field of every body, deep ones too, with every kind of value. */
export function* badFields(routes: readonly Route[], names = unknown): Generator<BadRequest & { field: string; kind: string }> {
  for (const route of routes) {
    if (!route.body) continue
    const path = withQuery(pathFor(route, names), needs[keyOf(route)]?.query)
    for (const field of fieldsOf(route.body)) {
      for (const [kind, values] of Object.entries(kinds)) {
        for (const value of values) {
          const body = JSON.stringify(put(bodyFor(route, names), field, value))
          yield { route, method: route.method, path, body, field: field.join('.'), kind }
        }
      }
    }
  }
}

/** A right request of every row: it is the client that does not stay. */
export function* wholeRequests(routes: readonly Route[], names: Names): Generator<BadRequest> {
  for (const route of routes) {
    const body = route.body
      ? JSON.stringify(bodyFor(route, names))
      : route.method === 'PUT' || route.method === 'POST'
        ? 'no archive'
        : undefined
    yield { route, method: route.method, path: withQuery(pathFor(route, names), needs[keyOf(route)]?.query), body }
  }
}
