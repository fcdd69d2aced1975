import { type Distribution, GantryError, type RegistryAuth } from '@gantry/contracts'
import { z } from 'zod'
import type { ImageContext } from '../context.ts'
import { digestOf, isIndex, parseConfig, parseDocument, parseIndex, parseManifest } from '../manifest.ts'
import { familiar, parseReference } from '../reference.ts'
import { RegistryClient } from './client.ts'
import { fetchManifest } from './pull.ts'
import { withRetry } from './retry.ts'

interface Question {
  readonly reference: string
  readonly auth?: RegistryAuth | undefined
  readonly signal: AbortSignal
}

function ask(context: ImageContext, { reference: text, auth, signal }: Question) {
  const reference = parseReference(text)
  const { privateRegistries } = context
  return { reference, client: new RegistryClient({ ...reference, access: 'pull', auth, privateRegistries, signal }) }
}

const tagsSchema = z.object({ tags: z.array(z.string().max(128)).nullish() })
/** Registries may answer in pages; nobody has more than this. */
const maxPages = 100

/** Every tag of the repository. */
export async function registryTags(context: ImageContext, question: Question): Promise<string[]> {
  const { client, reference } = ask(context, question)
  const what = `cannot list the tags of ${familiar(reference)}`
  const tags: string[] = []
  let target: string | URL = 'tags/list'
  for (let page = 0; page < maxPages; page++) {
    const request = { method: 'GET', target } as const
    const { body, headers } = await withRetry(() => client.document(request, { accept: [200], what }), question)
    tags.push(...(parseDocument(tagsSchema, body, 'the list of tags').tags ?? []))
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(headers.link ?? ''))?.[1]
    if (!next) return tags
    target = client.resolve(next)
  }
  throw new GantryError('unavailable', `${what}: the registry does not come to an end`)
}

/** What the name stands for at the registry. */
export async function registryInspect(context: ImageContext, question: Question): Promise<Distribution> {
  const { client, reference } = ask(context, question)
  const what = `cannot inspect ${familiar(reference)}`
  const name = reference.digest ?? reference.tag ?? 'latest'
  const { bytes, mediaType } = await fetchManifest(client, { name, what, signal: question.signal })
  const about = { mediaType, digest: digestOf(bytes), size: bytes.length }
  if (isIndex(bytes, mediaType)) return { ...about, platforms: parseIndex(bytes).manifests.flatMap(({ platform }) => platform ?? []) }
  const { config } = parseManifest(bytes)
  const { body } = await withRetry(
    () => client.document({ method: 'GET', target: `blobs/${config.digest}` }, { accept: [200], what }),
    question,
  )
  const { os, architecture, variant } = parseConfig(body)
  return { ...about, platforms: [{ os, architecture, ...(variant ? { variant } : {}) }] }
}

/** Checks credentials at the registry itself. */
export async function registryLogin(
  context: ImageContext,
  { auth, signal }: { auth: RegistryAuth & { serverAddress: string }; signal: AbortSignal },
): Promise<{ identityToken: string }> {
  const registry = registryHost(auth.serverAddress)
  const { privateRegistries } = context
  const client = new RegistryClient({ registry, repository: '', access: 'login', auth, privateRegistries, signal })
  const response = await client.send({ method: 'GET', target: '' }).catch((error: unknown) => {
    throw error instanceof GantryError && error.code === 'forbidden' ? wrongCredentials(registry, error) : error
  })
  response.destroy()
  const status = response.statusCode ?? 0
  if (status === 401 || status === 403) throw wrongCredentials(registry)
  if (status !== 200) throw new GantryError('unavailable', `login attempt at registry ${registry} failed with status ${status}`)
  return { identityToken: client.identityToken }
}

const wrongCredentials = (registry: string, cause?: unknown) =>
  new GantryError('unauthenticated', `login attempt at registry ${registry} failed with status: 401 Unauthorized`, {}, { cause })

/** Docker's clients send what people typed, or `https://index.docker.io/v1/` for docker's own. */
function registryHost(address: string): string {
  const host = address.replace(/^https?:\/\//, '').split('/')[0] ?? ''
  if (['', 'index.docker.io', 'docker.io', 'registry-1.docker.io'].includes(host)) return 'docker.io'
  return parseReference(`${host}/x`).registry
}
