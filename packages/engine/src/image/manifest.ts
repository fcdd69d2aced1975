import { createHash } from 'node:crypto'
import { digestSchema, GantryError, type ImageConfig, invalidInput } from '@gantry/contracts'
import { z } from 'zod'

/** Most bytes of a manifest, index or config: they are parsed in memory. */
export const maxDocumentBytes = 4 * 1024 * 1024
/** overlayfs stacks at most this many (OVL_MAX_STACK in fs/overlayfs). */
const maxLayers = 500

export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const

const descriptor = z.object({
  mediaType: z.string().max(256),
  digest: digestSchema,
  size: z.number().int().nonnegative(),
  annotations: z.record(z.string(), z.string()).nullish(),
})
export type Descriptor = z.infer<typeof descriptor>

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor).max(maxLayers, `must have at most ${maxLayers} layers`),
})
export type Manifest = z.infer<typeof manifestSchema>

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z
    .array(
      descriptor.extend({
        platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().optional() }).nullish(),
      }),
    )
    .max(1000),
})
export type Index = z.infer<typeof indexSchema>

const nullish = <T extends z.ZodType>(schema: T) => schema.nullish()
const strings = nullish(z.array(z.string()))
const nanoseconds = z.number().nullish()
const configSchema = z.object({
  architecture: z.string().max(64).default(''),
  os: z.string().max(64).default(''),
  variant: z.string().max(64).optional(),
  created: nullish(z.string().max(64)),
  author: nullish(z.string()),
  comment: nullish(z.string()),
  config: nullish(
    z.looseObject({
      Entrypoint: strings,
      Cmd: strings,
      Env: strings,
      User: nullish(z.string()),
      WorkingDir: nullish(z.string()),
      Labels: nullish(z.record(z.string(), z.string())),
      ExposedPorts: nullish(z.record(z.string(), z.unknown())),
      Volumes: nullish(z.record(z.string(), z.unknown())),
      StopSignal: nullish(z.string()),
      Healthcheck: nullish(
        z.object({
          Test: strings,
          Interval: nanoseconds,
          Timeout: nanoseconds,
          Retries: z.number().int().nullish(),
          StartPeriod: nanoseconds,
          StartInterval: nanoseconds,
        }),
      ),
    }),
  ),
  rootfs: z.object({ type: z.string().optional(), diff_ids: z.array(digestSchema).max(maxLayers) }),
  history: nullish(
    z.array(
      z.object({
        created: nullish(z.string()),
        created_by: nullish(z.string()),
        comment: nullish(z.string()),
        empty_layer: nullish(z.boolean()),
      }),
    ),
  ),
})
export type ConfigFile = z.infer<typeof configSchema>

/** `what` names the document in the error. */
export function parseDocument<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  if (bytes.length > maxDocumentBytes) {
    throw new GantryError('invalid_input', `${what} has ${bytes.length} bytes`, { limit: `${maxDocumentBytes} bytes` })
  }
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new GantryError('invalid_input', `${what} is not JSON`, {}, { cause })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const error = invalidInput(parsed.error)
  throw new GantryError('invalid_input', `${what} is not valid: ${error.message}`, error.detail)
}

/** A manifest, OCI or docker schema 2. Refuses artifacts that are no images, and layers that are kept elsewhere. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const manifest = parseDocument(manifestSchema, bytes, 'the image manifest')
  const odd = manifest.layers.find((layer) => !layer.mediaType.includes('tar') || /foreign|nondistributable/.test(layer.mediaType))
  if (odd) throw new GantryError('unsupported', `layers of type ${odd.mediaType} are not part of a container image`)
  return manifest
}

export const parseIndex = (bytes: Uint8Array): Index => parseDocument(indexSchema, bytes, 'the image index')
export const parseConfig = (bytes: Uint8Array): ConfigFile => parseDocument(configSchema, bytes, 'the image config')

/** True when the document lists manifests instead of being one. */
export function isIndex(bytes: Uint8Array, mediaType: string): boolean {
  if (mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList) return true
  if (mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest) return false
  return 'manifests' in parseDocument(z.looseObject({}), bytes, 'the image manifest')
}

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

const goArchitecture: Record<string, string> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm', ppc64: 'ppc64le' }
export const hostPlatform: Platform = { os: 'linux', architecture: goArchitecture[process.arch] ?? process.arch }

/** Reads `os/arch[/variant]`; undefined is the machine's own. */
export function parsePlatform(text: string | undefined): Platform {
  if (!text) return hostPlatform
  const [os, architecture, variant] = text.split('/')
  if (!os || !architecture)
    throw new GantryError('invalid_input', `platform "${text}" must look like linux/amd64`, { field: 'platform', value: text })
  return { os, architecture, ...(variant ? { variant } : {}) }
}

/** The manifests of an index that fit the platform, best first; entries without a platform come last, attestations never. */
export function forPlatform(index: Index, platform: Platform): Descriptor[] {
  const fits = index.manifests.filter(
    ({ platform: p }) =>
      p?.os === platform.os &&
      p.architecture === platform.architecture &&
      (!platform.variant || !p.variant || p.variant === platform.variant),
  )
  return [...fits, ...index.manifests.filter((manifest) => !manifest.platform)]
}

/** Chain ids, bottom first (OCI image-spec config.md, "Layer ChainID"). */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const below = chain.at(-1)
    chain.push(below ? `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}` : diffId)
  }
  return chain
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** What a container takes over from the image. */
export function toImageConfig(file: ConfigFile): ImageConfig {
  const config = file.config
  const healthcheck = toHealthcheck(config?.Healthcheck)
  return {
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    env: config?.Env ?? [],
    user: config?.User ?? '',
    workingDir: config?.WorkingDir ?? '',
    labels: config?.Labels ?? {},
    exposedPorts: Object.keys(config?.ExposedPorts ?? {}),
    volumes: Object.keys(config?.Volumes ?? {}),
    stopSignal: config?.StopSignal ?? '',
    ...(healthcheck ? { healthcheck } : {}),
  }
}

type RawHealthcheck = NonNullable<NonNullable<ConfigFile['config']>['Healthcheck']>

/** Docker writes nanoseconds, and 0 for "the default". */
function toHealthcheck(raw: RawHealthcheck | null | undefined): ImageConfig['healthcheck'] {
  if (!raw?.Test || raw.Test.length === 0) return undefined
  const ms = (value: number | null | undefined, usual: number) => (value ? Math.max(1, Math.round(value / 1e6)) : usual)
  return {
    test: raw.Test,
    intervalMs: ms(raw.Interval, 30_000),
    timeoutMs: ms(raw.Timeout, 30_000),
    retries: raw.Retries || 3,
    startPeriodMs: ms(raw.StartPeriod, 0),
    startIntervalMs: ms(raw.StartInterval, 5_000),
  }
}
