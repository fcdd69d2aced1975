import { GantryError } from '@gantry/contracts'
import { listImages, listRegistryTags, loadImage, projectHost, pullFor, pushFor, saveImages } from '@gantry/core'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { flag, list, text } from '../query.ts'
import { type Call, type Route, route } from '../route.ts'
import { importFromBody } from './build.ts'
import { inspectOr404 } from './images.ts'
import { goArchitecture } from './system.ts'
import { joinName, splitName } from '../translate/image-name.ts'
import { isPlatform, parsePlatform, requirePlatform } from '../translate/platform.ts'
import { type JsonMessage, PullWords, loadWords, pushWords } from '../translate/progress.ts'
import { readRegistryAuth } from '../translate/registry-auth.ts'
import { jsonStream } from '../wire/json-stream.ts'
import { toldLines } from '../wire/told-lines.ts'
import type { ReplyStream } from '../wire/reply-stream.ts'

type Tell = (line: JsonMessage) => void

const creation = route({
  method: 'POST',
  path: '/images/create',
  query: z.object({ fromImage: text, fromSrc: text, repo: text, tag: text, message: text, platform: text, changes: list }),
  async handle(call) {
    const { fromImage, fromSrc, tag, repo, message, platform, changes } = call.query
    if (fromSrc !== undefined) return importFromBody(call, { fromSrc, changes, ...defined({ repo, tag, message, platform }) })
    if (fromImage === undefined) throw new DockerError(400, 'neither fromImage nor fromSrc was given')
    return jsonStream(
      call,
      toldLines((tell) => pullAll(call, joinName(fromImage, tag), tell)),
    )
  },
})

const defined = (given: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))

interface Pulling extends Pick<Call, 'run' | 'request' | 'signal'> {
  readonly query: { platform?: string | undefined }
}

/** A name without tag or digest means every tag that the registry has. */
async function pullAll(call: Pulling, asked: string, tell: Tell): Promise<void> {
  const { name, tag, digest } = splitName(asked)
  const auth = readRegistryAuth(call.request)
  const tags = tag || digest ? [undefined] : await call.run(listRegistryTags, { reference: name, auth })
  for (const each of tags) await pullOne(call, each === undefined ? asked : `${name}:${each}`, tell)
}

async function pullOne(call: Pulling, reference: string, tell: Tell): Promise<void> {
  const { path, tag, digest } = splitName(reference)
  const words = new PullWords({ name: reference, path, tag: digest ?? tag ?? 'latest' })
  const follower = {
    signal: call.signal,
    onProgress: (line: Parameters<PullWords['lines']>[0]) => words.lines(line).forEach(tell),
  }
  const { platform } = call.query
  try {
    await call.run(pullFor(follower), { reference, auth: readRegistryAuth(call.request), platform })
  } catch (error) {
    throw dockerPullError(error, reference)
  }
}

/** In the words that people search for. */
function dockerPullError(error: unknown, reference: string): unknown {
  if (!(error instanceof GantryError)) return error
  const { name, tag } = splitName(reference)
  if (error.code === 'not_found' && error.detail.field !== 'platform')
    return new DockerError(404, `manifest for ${reference} not found: manifest unknown: ${error.message}`)
  if (error.code === 'forbidden' && /denied/.test(error.message)) {
    return new DockerError(
      404,
      `pull access denied for ${name}, repository does not exist or may require 'docker login': denied: ${error.message}`,
    )
  }
  if (error.detail.field === 'platform')
    return new DockerError(
      404,
      `no matching manifest for the platform in the manifest list entries of ${name}:${tag ?? 'latest'}: ${error.message}`,
    )
  return error
}

const push = route({
  method: 'POST',
  path: '/images/{name*}/push',
  query: z.object({ tag: text, platform: text }),
  handle: (call) =>
    jsonStream(
      call,
      toldLines((tell) => pushAll(call, joinName(call.params.name, call.query.tag), tell)),
    ),
})

/** Without a tag: all that the name has here. */
async function pushAll(call: Pulling, asked: string, tell: Tell): Promise<void> {
  const auth = readRegistryAuth(call.request)
  const { name, tag } = splitName(asked)
  tell({ status: `The push refers to repository [${name}]` })
  const images = await call.run(listImages, { references: [name] })
  const known = images.flatMap((image) => image.tags).filter((each) => splitName(each).name === name)
  const wanted = tag === undefined ? known : known.filter((each) => each === asked)
  if (wanted.length === 0) throw new DockerError(404, `An image does not exist locally with the tag: ${name}`)
  for (const reference of wanted) {
    await checkPlatform(call, reference, call.query.platform)
    const word = splitName(reference).tag ?? 'latest'
    const follower = {
      signal: call.signal,
      onProgress: (line: Parameters<typeof pushWords>[0]) => pushWords(line, word).forEach(tell),
    }
    await call.run(pushFor(follower), { reference, auth })
  }
}

async function checkPlatform(call: Pick<Call, 'run'>, name: string, platform: string | undefined): Promise<void> {
  if (platform !== undefined) requirePlatform(name, platform, await inspectOr404(call, name))
}

/** Of several platforms in an archive that of this machine is taken. */
async function checkLoadable(call: Pick<Call, 'run'>, platform: string | undefined): Promise<void> {
  if (platform === undefined) return
  const host = await call.run(projectHost, {})
  const here = { os: 'linux', architecture: goArchitecture(host.architecture) }
  if (isPlatform(parsePlatform(platform), here)) return
  throw new GantryError('unsupported', `images of ${platform} cannot be chosen from an archive`, { remedy: 'leave platform out' })
}

const loading = route({
  method: 'POST',
  path: '/images/load',
  query: z.object({ quiet: flag, platform: text }),
  async handle(call) {
    await checkLoadable(call, call.query.platform)
    return jsonStream(
      call,
      toldLines<JsonMessage>((tell) => {
        const onProgress = (line: Parameters<typeof loadWords>[0]) => {
          for (const words of loadWords(line)) if (!call.query.quiet || words.stream) tell(words)
        }
        return call.run(loadImage({ archive: call.request, onProgress, signal: call.signal }), {})
      }),
    )
  },
})

async function save(call: Saving, names: readonly string[]): Promise<undefined> {
  const images: string[] = []
  for (const name of names) images.push(...(await namesOf(call, name)))
  for (const image of images) await checkPlatform(call, image, call.query.platform)
  let out: ReplyStream | undefined
  const onBytes = async (bytes: Uint8Array) => {
    out ??= call.stream('application/x-tar')
    await out.write(bytes)
  }
  try {
    await call.run(saveImages({ onBytes, signal: call.signal }), { images })
  } catch (error) {
    if (!out) throw error
    out.cut()
    return undefined
  }
  ;(out ?? call.stream('application/x-tar')).end()
  return undefined
}

interface Saving extends Pick<Call, 'run' | 'stream' | 'signal'> {
  readonly query: { platform?: string | undefined }
}

/** A bare name means all its tags; anything else is itself. */
async function namesOf(call: Pick<Call, 'run'>, asked: string): Promise<string[]> {
  const { name, tag, digest } = splitName(asked)
  if (tag || digest) return [asked]
  const images = await call.run(listImages, { references: [name] })
  const tags = images.flatMap((image) => image.tags).filter((each) => splitName(each).name === name)
  return tags.length > 0 ? [...new Set(tags)] : [asked]
}

/** Before those of `imageRoutes`, whose names may hold slashes. */
export const imageStreamRoutes: readonly Route[] = [
  creation,
  push,
  loading,
  route({
    method: 'GET',
    path: '/images/get',
    query: z.object({ names: list, platform: text }),
    handle(call) {
      const names = call.query.names.flatMap((name) => name.split(',')).filter((name) => name !== '')
      if (names.length === 0) throw new DockerError(400, 'no images were named')
      return save(call, names)
    },
  }),
  route({
    method: 'GET',
    path: '/images/{name*}/get',
    query: z.object({ platform: text }),
    handle: (call) => save(call, [call.params.name]),
  }),
]
