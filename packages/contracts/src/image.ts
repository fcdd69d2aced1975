import { z } from 'zod'
import { healthcheckSchema } from './container.ts'
import { projectIdSchema } from './names.ts'

/** `sha256:` + 64 hex */
export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256:<64 hex digits>')

/** The runtime part of an image's config (OCI image-spec config.md), normalised. */
export const imageConfigSchema = z.object({
  entrypoint: z.array(z.string()),
  command: z.array(z.string()),
  env: z.array(z.string()),
  user: z.string(),
  workingDir: z.string(),
  labels: z.record(z.string(), z.string()),
  exposedPorts: z.array(z.string()),
  volumes: z.array(z.string()),
  stopSignal: z.string(),
  healthcheck: healthcheckSchema.optional(),
})
export type ImageConfig = z.infer<typeof imageConfigSchema>

export const imageSummarySchema = z.object({
  /** Digest of the config blob: docker's image id. */
  id: digestSchema,
  projectId: projectIdSchema,
  /** `name:tag` */
  tags: z.array(z.string()),
  /** `name@sha256:…` */
  repoDigests: z.array(z.string()),
  createdAt: z.string(),
  /** Unpacked bytes of all layers. */
  sizeBytes: z.number().int(),
  /** Of these, bytes in layers that other images use too. */
  sharedBytes: z.number().int(),
  architecture: z.string(),
  os: z.string(),
  containers: z.number().int(),
  labels: z.record(z.string(), z.string()),
})
export type ImageSummary = z.infer<typeof imageSummarySchema>

export const imageHistorySchema = z.object({
  createdAt: z.string(),
  createdBy: z.string(),
  comment: z.string(),
  sizeBytes: z.number().int(),
  empty: z.boolean(),
})
export const imageInspectSchema = imageSummarySchema.extend({
  config: imageConfigSchema,
  /** The config as the image has it, with what the engine does not use. */
  rawConfig: z.record(z.string(), z.unknown()),
  author: z.string(),
  comment: z.string(),
  variant: z.string(),
  /** Where the layers lie on the host, topmost first. */
  storage: z.object({ driver: z.string(), folders: z.array(z.string()) }),
  manifestDigest: digestSchema,
  layers: z.array(digestSchema),
  history: z.array(imageHistorySchema),
})
export type ImageInspect = z.infer<typeof imageInspectSchema>

/** One line of progress of pull, push, load or save. `id` is a layer's short digest, absent for lines about the whole. */
export const progressSchema = z.object({
  id: z.string().optional(),
  status: z.enum([
    'resolving',
    'waiting',
    'exists',
    'downloading',
    'verifying',
    'downloaded',
    'extracting',
    'complete',
    'uploading',
    'pushed',
    'loaded',
    'untagged',
    'deleted',
    'done',
  ]),
  current: z.number().optional(),
  total: z.number().optional(),
  /** For `done` and `loaded`: the reference or image id. */
  message: z.string().optional(),
  digest: z.string().optional(),
  /** For `done` of a pull: the name stands for another image than before. */
  changed: z.boolean().optional(),
})
export type Progress = z.infer<typeof progressSchema>

/** A line from `image.load`: progress, or the ids of all images that the archive holds, for the caller to admit. */
export const loadLineSchema = z.union([z.object({ admit: z.array(digestSchema) }), progressSchema])
export type LoadLine = z.infer<typeof loadLineSchema>

export const registryAuthSchema = z.object({
  username: z.string(),
  password: z.string(),
  serverAddress: z.string().optional(),
  identityToken: z.string().optional(),
  /** A bearer token for the registry itself. */
  registryToken: z.string().optional(),
})
export type RegistryAuth = z.infer<typeof registryAuthSchema>

/** What a registry says of a name, without the image itself. */
export const distributionSchema = z.object({
  mediaType: z.string(),
  digest: digestSchema,
  size: z.number().int(),
  platforms: z.array(z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() })),
})
export type Distribution = z.infer<typeof distributionSchema>
