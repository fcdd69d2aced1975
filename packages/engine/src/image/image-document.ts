import { z } from 'zod'
import { hostPlatform, parseDocument } from './manifest.ts'

const strings = z.array(z.string()).nullish()
const keys = z.record(z.string(), z.looseObject({})).nullish()

/** What a container of the image runs with, in docker's words. What we do not know stays as it is. */
const runConfigSchema = z.looseObject({
  Entrypoint: strings,
  Cmd: strings,
  Env: strings,
  User: z.string().nullish(),
  WorkingDir: z.string().nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
  ExposedPorts: keys,
  Volumes: keys,
  StopSignal: z.string().nullish(),
  /** Nanoseconds. */
  Healthcheck: z
    .looseObject({
      Test: strings,
      Interval: z.number().nullish(),
      Timeout: z.number().nullish(),
      StartPeriod: z.number().nullish(),
      StartInterval: z.number().nullish(),
      Retries: z.number().nullish(),
    })
    .nullish(),
  OnBuild: strings,
  Shell: strings,
})
export type RunConfig = z.infer<typeof runConfigSchema>

const historySchema = z.looseObject({
  created: z.string().nullish(),
  created_by: z.string().nullish(),
  comment: z.string().nullish(),
  author: z.string().nullish(),
  empty_layer: z.boolean().nullish(),
})
export type HistoryEntry = z.infer<typeof historySchema>

/** An image's config file as it is stored; every field of another builder's survives a change of ours. */
const documentSchema = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  created: z.string().nullish(),
  author: z.string().nullish(),
  config: runConfigSchema.nullish(),
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
  history: z.array(historySchema).nullish(),
})
export type ImageDocument = z.infer<typeof documentSchema>

export const parseImageDocument = (bytes: Uint8Array): ImageDocument => parseDocument(documentSchema, bytes, 'the image config')

/** The image of `FROM scratch`: nothing at all. */
export function emptyDocument(platform: { os: string; architecture: string; variant?: string } = hostPlatform): ImageDocument {
  return { ...platform, config: {}, rootfs: { type: 'layers', diff_ids: [] }, history: [] }
}

export interface Change {
  readonly created: string
  /** What made it, as `docker history` shows it. */
  readonly createdBy: string
  readonly comment?: string | undefined
  readonly author?: string | undefined
  readonly config: RunConfig
  /** Digest of the layer's tar; absent when no file changed. */
  readonly diffId?: string | undefined
}

/** The image after one more step. */
export function changedDocument(document: ImageDocument, change: Change): ImageDocument {
  const { created, createdBy, comment, author = document.author, config, diffId } = change
  const entry: HistoryEntry = {
    created,
    created_by: createdBy,
    ...(author ? { author } : {}),
    ...(comment ? { comment } : {}),
    ...(diffId ? {} : { empty_layer: true }),
  }
  return {
    ...document,
    created,
    ...(author ? { author } : {}),
    config,
    rootfs: { ...document.rootfs, diff_ids: [...document.rootfs.diff_ids, ...(diffId ? [diffId] : [])] },
    history: [...(document.history ?? []), entry],
  }
}

export const documentBytes = (document: ImageDocument): Buffer => Buffer.from(JSON.stringify(document))
