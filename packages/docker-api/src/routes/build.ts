import type { IncomingMessage } from 'node:http'
import { type BuildEvent, GantryError, type Progress, type RegistryAuth } from '@gantry/contracts'
import { buildImage, commitContainer, importImage, pruneBuildCache } from '@gantry/core'
import { z } from 'zod'
import { renderError } from '../errors.ts'
import { filters, type Filters } from '../filters.ts'
import { flag, flagOn, list, text, whole } from '../query.ts'
import { type Call, type Route, json, route } from '../route.ts'
import { buildQuery, toBuild } from '../translate/build-query.ts'
import type { ReplyStream } from '../wire/reply-stream.ts'

const size = whole(0, Number.MAX_SAFE_INTEGER)

/** Builds under way that named themselves, for POST /build/cancel. */
const running = new Map<string, AbortController>()

/** Images made of files: builds, and commits of containers. */
export const buildRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/build',
    query: buildQuery,
    async handle(call) {
      const { q, buildid } = call.query
      const input = toBuild(call.query, registryAuths(call.request))
      const cancel = new AbortController()
      const key = buildid === undefined ? undefined : `${call.projectId}/${buildid}`
      if (key !== undefined) running.set(key, cancel)
      try {
        const answer = new BuildAnswer(call, q)
        const signal = AbortSignal.any([call.signal, cancel.signal])
        const onEvent = (event: BuildEvent) => answer.tell(event)
        return await answer.settle(call.run(buildImage({ context: call.request, onEvent, signal }), input))
      } finally {
        if (key !== undefined && running.get(key) === cancel) running.delete(key)
      }
    },
  }),
  route({
    method: 'POST',
    path: '/build/cancel',
    query: z.object({ id: text }),
    handle(call) {
      const found = running.get(`${call.projectId}/${call.query.id}`)
      if (!found) throw new GantryError('not_found', `no such build: ${call.query.id ?? ''}`)
      found.abort(new GantryError('cancelled', 'the build was cancelled'))
      return { status: 204 }
    },
  }),
  route({
    method: 'POST',
    path: '/build/prune',
    query: z.object({
      all: flag,
      'keep-storage': size,
      'reserved-space': size,
      'max-used-space': size,
      'min-free-space': size,
      filters: filters('until', 'unused-for', 'id'),
    }),
    async handle(call) {
      const { all, filters: given } = call.query
      if (call.query['min-free-space']) {
        throw new GantryError('unsupported', 'the build cache does not look at the free space of the disk', {
          remedy: 'use max-used-space',
        })
      }
      // Zero is what clients send that were not asked to keep anything.
      const keepBytes = call.query['keep-storage'] || call.query['reserved-space'] || call.query['max-used-space'] || undefined
      const pruned = await call.run(pruneBuildCache, { all, keepBytes, unusedMs: unusedMs(given), ids: [...given.get('id')] })
      return json({ CachesDeleted: pruned.deleted, SpaceReclaimed: pruned.reclaimedBytes })
    },
  }),
  route({
    method: 'POST',
    path: '/commit',
    query: z.object({ container: text, repo: text, tag: text, comment: text, author: text, pause: flagOn, changes: list }),
    body: z.looseObject({}).nullish(),
    emptyBody: null,
    async handle(call) {
      const { container = '', repo, tag, comment, author, pause, changes } = call.query
      if (Object.values(call.body ?? {}).some(isSet)) {
        throw new GantryError('unsupported', 'a configuration in the body of a commit is not supported', { remedy: 'use changes' })
      }
      const reference = referenceOf(repo, tag)
      const { id } = await call.run(commitContainer, { container, reference, comment, author, pause, changes })
      return json({ Id: id }, 201)
    },
  }),
]

/** `docker import -`: the body of POST /images/create with `fromSrc=-`. */
export async function importFromBody(
  call: Pick<Call, 'run' | 'request' | 'signal' | 'stream'>,
  query: { fromSrc: string; repo?: string; tag?: string; message?: string; platform?: string; changes: string[] },
): Promise<undefined> {
  if (query.fromSrc !== '-') {
    throw new GantryError('unsupported', 'images cannot be imported from an address', { remedy: 'fetch the file and import it from there' })
  }
  const { message, platform, changes } = query
  const source = { archive: call.request, signal: call.signal }
  const { id } = await call.run(importImage(source), { reference: referenceOf(query.repo, query.tag), message, platform, changes })
  call.stream('application/json').end(`${JSON.stringify({ status: id })}\r\n`)
  return undefined
}

const isSet = (value: unknown) => (typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value))

function referenceOf(repo: string | undefined, tag: string | undefined): string | undefined {
  if (repo === undefined) return undefined
  return tag === undefined ? repo : `${repo}:${tag}`
}

/** Lines of a build as the classic builder writes them; quiet ones are kept back until something fails. */
class BuildAnswer {
  readonly #call: Pick<Call, 'stream' | 'signal'>
  readonly #quiet: boolean
  #out: ReplyStream | undefined
  #kept = ''

  constructor(call: Pick<Call, 'stream' | 'signal'>, quiet: boolean) {
    this.#call = call
    this.#quiet = quiet
  }

  async tell(event: BuildEvent): Promise<void> {
    if ('id' in event) return this.#line(this.#quiet ? { stream: `${event.id}\n` } : { aux: { ID: event.id } })
    if ('progress' in event) return this.#quiet ? undefined : this.#line(pullLine(event.progress))
    if (!this.#quiet) return this.#line({ stream: event.text })
    this.#kept += event.text
  }

  /** Waits for the end. A failure before the first line has a status of its own. */
  async settle(work: Promise<unknown>): Promise<undefined> {
    try {
      await work
    } catch (error) {
      if (!this.#out && this.#kept === '') throw error
      if (this.#kept !== '') await this.#line({ stream: this.#kept })
      const { message } = renderError(error)
      const code = Number(/ returned a non-zero code: (\d+)$/.exec(message)?.[1] ?? 1)
      if (!this.#call.signal.aborted) await this.#line({ errorDetail: { code, message }, error: message })
    }
    this.#open().end()
    return undefined
  }

  async #line(line: object): Promise<void> {
    await this.#open().write(`${JSON.stringify(line)}\r\n`)
  }

  #open(): ReplyStream {
    this.#out ??= this.#call.stream('application/json')
    return this.#out
  }
}

function pullLine({ id, status, current, total, message }: Progress): object {
  const words = `${status.charAt(0).toUpperCase()}${status.slice(1)}${message ? ` ${message}` : ''}`
  return { status: words, ...(id ? { id } : {}), progressDetail: current === undefined ? {} : { current, total } }
}

const registryConfig = z.record(
  z.string(),
  z.looseObject({ username: z.string().default(''), password: z.string().default(''), identitytoken: z.string().optional() }),
)

/** The header `X-Registry-Config`: credentials by registry. */
function registryAuths({ headers }: IncomingMessage): Record<string, RegistryAuth> {
  const header = headers['x-registry-config']
  if (typeof header !== 'string' || header === '') return {}
  try {
    const config = registryConfig.parse(JSON.parse(Buffer.from(header, 'base64url').toString() || '{}') ?? {})
    return Object.fromEntries(
      Object.entries(config).map(([server, { username, password, identitytoken }]) => [
        server,
        { username, password, serverAddress: server, ...(identitytoken ? { identityToken: identitytoken } : {}) },
      ]),
    )
  } catch (cause) {
    throw new GantryError('invalid_input', 'invalid X-Registry-Config header', { field: 'X-Registry-Config' }, { cause })
  }
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** `until=24h`, Go's durations: what was not used for as long. */
function unusedMs(given: Filters): number | undefined {
  const [text] = [...given.get('until'), ...given.get('unused-for')]
  if (text === undefined) return undefined
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smh])/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new GantryError('invalid_input', `invalid filter 'until=${text}': it must be a duration such as 24h`, {
      field: 'filters',
      value: text,
    })
  }
  return parts.reduce((sum, [, amount, unit = 's']) => sum + Number(amount) * (unitMs[unit] ?? 0), 0)
}
