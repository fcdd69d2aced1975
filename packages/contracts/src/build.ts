import { z } from 'zod'
import { containerSpecSchema, networkModeSchema } from './container.ts'
import { progressSchema, registryAuthSchema } from './image.ts'
import { imageRefSchema } from './names.ts'

/** Dockerfile instructions that change no file, for a commit or an import: `CMD ["sh"]`, `ENV A=1`. */
export const imageChangesSchema = z.array(z.string().max(65_536)).max(256).default([])

const { cgroupParent, endpoints, extraHosts, resources, ulimits, shmSizeBytes } = containerSpecSchema.shape

/** What a build is asked for, beside its context. */
export const buildFields = {
  /** Path of the Dockerfile in the context. */
  dockerfile: z
    .string()
    .min(1)
    .max(4095)
    .regex(/^[^\0]*$/, 'must not hold a NUL character')
    .default('Dockerfile'),
  /** Address of the context, or of a Dockerfile that has none; nothing is sent then. */
  remote: z
    .string()
    .max(4096)
    .regex(/^https?:\/\//, 'must be an address of http or https')
    .optional(),
  references: z.array(imageRefSchema).max(64).default([]),
  /** null: as if it was not given. */
  buildArgs: z.record(z.string().min(1).max(256), z.string().max(131_072).nullable()).default({}),
  labels: z.record(z.string().min(1).max(256), z.string().max(4096)).default({}),
  /** Name or number of the last stage to build. */
  target: z.string().max(256).optional(),
  platform: z.string().max(128).optional(),
  noCache: z.boolean().default(false),
  /** Base images are pulled even when they are here. */
  pull: z.boolean().default(false),
  /** Images whose steps may be taken over. */
  cacheFrom: z.array(imageRefSchema).max(64).default([]),
  /** The following are of the containers that RUN makes. */
  networkMode: networkModeSchema.default('bridge'),
  endpoints,
  extraHosts,
  resources,
  ulimits,
  shmSizeBytes,
  cgroupParent,
  /** Credentials by registry, for base images. */
  auths: z.record(z.string().max(512), registryAuthSchema).default({}),
}

/** One line of a build's answer: text for a person, the progress of a pull, or at the end the image's id. */
export const buildEventSchema = z.union([
  z.object({ text: z.string() }),
  z.object({ progress: progressSchema }),
  z.object({ id: z.string() }),
])
/** A cached step. Sizes add up: a layer counts once, with the step that made it, and not at all while an image has it. */
export const buildCacheRecordSchema = z.object({
  id: z.string(),
  parents: z.array(z.string()),
  description: z.string(),
  sizeBytes: z.number(),
  /** All of its files are in an image anyway. */
  shared: z.boolean(),
  inUse: z.boolean(),
  createdAt: z.string(),
  usedAt: z.string(),
  uses: z.number(),
})
export type BuildCacheRecord = z.infer<typeof buildCacheRecordSchema>

/** Which cached steps go. */
export const pruneBuildsFields = {
  /** Those as well whose files are in images anyway. */
  all: z.boolean().default(false),
  /** Only what no build has used for as long. */
  unusedMs: z.number().nonnegative().optional(),
  /** No more than brings the cache below this, the longest unused first. */
  keepBytes: z.number().nonnegative().optional(),
  /** Only these, by the beginnings of their ids. */
  ids: z.array(z.string().min(1).max(64)).max(1024).default([]),
}
export type BuildEvent = z.infer<typeof buildEventSchema>
