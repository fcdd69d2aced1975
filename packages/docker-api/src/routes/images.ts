import { GantryError } from '@gantry/contracts'
import { inspectImage, inspectRegistry, listImages, loginToRegistry, pruneImages, removeImage, tagImage } from '@gantry/core'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { type Filters, filters } from '../filters.ts'
import { flag, text } from '../query.ts'
import { type Call, type Route, json, route } from '../route.ts'
import { joinName } from '../translate/image-name.ts'
import { toDistribution, toHistory, toImageInspect, toListItem, toRemoved } from '../translate/images.ts'
import { requirePlatform } from '../translate/platform.ts'
import { authSchema, readRegistryAuth, toRegistryAuth } from '../translate/registry-auth.ts'

/** Docker's words, with the name as the client gave it. */
export async function inspectOr404(call: Pick<Call, 'run'>, image: string) {
  try {
    return await call.run(inspectImage, { image })
  } catch (error) {
    // What is no reference at all is no image either.
    if (error instanceof GantryError && (error.code === 'not_found' || error.detail.field === 'image'))
      throw new DockerError(404, `No such image: ${image}`)
    throw error
  }
}

const oneOf = (given: Filters, key: string): string | undefined => {
  const values = given.get(key)
  if (values.length > 1) throw new GantryError('invalid_input', `only one ${key} filter may be given`, { field: 'filters' })
  return values[0]
}

const listing = route({
  method: 'GET',
  path: '/images/json',
  query: z.object({
    all: flag,
    digests: flag,
    'shared-size': flag,
    filters: filters('dangling', 'label', 'before', 'since', 'reference', 'until'),
    filter: text,
  }),
  async handle(call) {
    const { filters: given, filter } = call.query
    const references = [...given.get('reference'), ...(filter ? [filter] : [])]
    const until = untilOf(given)
    const images = await call.run(listImages, {
      labels: [...given.get('label')],
      dangling: given.flag('dangling'),
      references: references.length > 0 ? references : undefined,
      before: oneOf(given, 'before'),
      since: oneOf(given, 'since'),
    })
    const shown = until === undefined ? images : images.filter(({ createdAt }) => Date.parse(createdAt) < Date.parse(until))
    return json(shown.map((image) => toListItem(image, { version: call.version, counted: call.query['shared-size'] })))
  },
})

/** A time, or a span such as `24h` back from now. */
function untilOf(given: Filters): string | undefined {
  const value = oneOf(given, 'until')
  if (value === undefined) return undefined
  const span = [...value.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)]
  const unit: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
  if (span.length > 0 && span.map(([part]) => part).join('') === value) {
    const back = span.reduce((total, [, count, name = 's']) => total + Number(count) * (unit[name] ?? 0), 0)
    return new Date(Date.now() - back).toISOString()
  }
  const time = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value)
  if (Number.isNaN(time)) throw new GantryError('invalid_input', `invalid filter 'until=[${value}]'`, { field: 'filters', value })
  return new Date(time).toISOString()
}

const pruning = route({
  method: 'POST',
  path: '/images/prune',
  query: z.object({ filters: filters('dangling', 'until', 'label', 'label!') }),
  async handle(call) {
    const { filters: given } = call.query
    const pruned = await call.run(pruneImages, {
      all: given.flag('dangling') === false,
      labels: [...given.get('label')],
      notLabels: [...given.get('label!')],
      until: untilOf(given),
    })
    const removed = toRemoved(pruned)
    return json({ ImagesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: pruned.reclaimedBytes })
  },
})

const tagging = route({
  method: 'POST',
  path: '/images/{name*}/tag',
  query: z.object({ repo: text, tag: text }),
  async handle(call) {
    const { repo, tag } = call.query
    if (repo === undefined) throw new GantryError('invalid_input', 'invalid reference format: repository name is missing')
    await inspectOr404(call, call.params.name)
    await call.run(tagImage, { image: call.params.name, reference: joinName(repo, tag) })
    return { status: 201 }
  },
})

const removal = route({
  method: 'DELETE',
  path: '/images/{name*}',
  query: z.object({ force: flag, noprune: flag }),
  async handle(call) {
    const image = call.params.name
    await inspectOr404(call, image)
    return json(toRemoved(await call.run(removeImage, { image, force: call.query.force })))
  },
})

const login = route({
  method: 'POST',
  path: '/auth',
  body: authSchema,
  async handle(call) {
    const auth = toRegistryAuth(call.body)
    if (!auth) throw new DockerError(400, 'no credentials were given: user name and password, or an identity token')
    const { identityToken } = await call.run(loginToRegistry, { auth: { ...auth, serverAddress: call.body.serveraddress } })
    return json({ Status: 'Login Succeeded', IdentityToken: identityToken })
  },
})

/** Order matters: the first row that fits counts. */
export const imageRoutes: readonly Route[] = [
  listing,
  route({
    method: 'GET',
    path: '/images/search',
    handle: () => {
      throw new DockerError(501, 'searching a registry is not supported: pull the image by its name')
    },
  }),
  route({
    method: 'GET',
    path: '/images/{name*}/json',
    query: z.object({ platform: text }),
    async handle(call) {
      const image = await inspectOr404(call, call.params.name)
      requirePlatform(call.params.name, call.query.platform, image)
      return json(toImageInspect(image, call.version))
    },
  }),
  route({
    method: 'GET',
    path: '/images/{name*}/history',
    query: z.object({ platform: text }),
    async handle(call) {
      const image = await inspectOr404(call, call.params.name)
      requirePlatform(call.params.name, call.query.platform, image)
      return json(toHistory(image))
    },
  }),
  pruning,
  tagging,
  removal,
  login,
  route({
    method: 'GET',
    path: '/distribution/{name*}/json',
    async handle(call) {
      const auth = readRegistryAuth(call.request)
      return json(toDistribution(await call.run(inspectRegistry, { reference: call.params.name, auth })))
    },
  }),
]
