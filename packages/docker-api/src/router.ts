import { GantryError } from '@gantry/contracts'
import type { Route } from './route.ts'

interface Row {
  route: Route
  pattern: RegExp
  names: string[]
}

/** Finds the row of a request. Rows are kept by method and first segment; within these the first that fits counts. */
export class Router {
  readonly #rows = new Map<string, Row[]>()

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const key = keyOf(route.method, route.path)
      this.#rows.set(key, [...(this.#rows.get(key) ?? []), compile(route)])
    }
  }

  /** Undefined: there is no such page. */
  find(method: string, path: string, version: number): { route: Route; params: Record<string, string> } | undefined {
    for (const { route, pattern, names } of this.#rows.get(keyOf(method, path)) ?? []) {
      const found = pattern.exec(path)
      if (!found || version < (route.versions.from ?? 0) || version > (route.versions.to ?? Number.POSITIVE_INFINITY)) continue
      return { route, params: Object.fromEntries(names.map((name, index) => [name, decode(found[index + 1] ?? '')])) }
    }
    return undefined
  }
}

const keyOf = (method: string, path: string) => `${method} ${path.split('/', 2)[1] ?? ''}`

function compile(route: Route): Row {
  const names: string[] = []
  const pattern = route.path
    .split(/(\{[^}]+\})/)
    .map((part) => {
      if (!part.startsWith('{')) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      const many = part.endsWith('*}')
      names.push(part.slice(1, many ? -2 : -1))
      return many ? '(.+)' : '([^/]+)'
    })
    .join('')
  return { route, names, pattern: new RegExp(`^${pattern}$`) }
}

/** Names travel with `%2F` and `%3A` in them. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw new GantryError('invalid_input', `invalid URL escape in ${segment}`, { value: segment }, { cause })
  }
}
