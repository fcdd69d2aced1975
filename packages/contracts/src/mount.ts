import { z } from 'zod'
import { imageRefSchema, volumeNameSchema } from './names.ts'

export const absolutePathSchema = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, 'must be an absolute path')
export const propagations = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'] as const

/** Below the root of a volume or image; a link that leads out of it is refused when it is opened. */
export const subpathSchema = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^/\0][^\0]*$/, 'must be a relative path')
  .refine((path) => !path.split('/').includes('..'), 'must not leave the volume with ".."')

export const volumeDriverSchema = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, 'must be the name of a volume driver')
export const volumeOptionsSchema = z.record(z.string().min(1).max(256), z.string().max(4096))
export const volumeLabelsSchema = z.record(z.string().min(1).max(256), z.string().max(4096))

const id = z.number().int().min(0).max(0xffff_fffe)
const target = absolutePathSchema
const readOnly = z.boolean().default(false)

export const mountSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('bind'),
    source: absolutePathSchema,
    target,
    readOnly,
    propagation: z.enum(propagations).default('rprivate'),
    /** false: what is mounted below the source stays out. */
    recursive: z.boolean().default(true),
    /** Of a recursive read-only mount: `off` leaves what is mounted below writable, `force` refuses where that cannot be made read-only. */
    readOnlyRecursive: z.enum(['off', 'force']).optional(),
    /** `-v` makes a missing source folder, `--mount` does not. */
    createSource: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal('volume'),
    /** Absent: an anonymous volume, removed with the container by `rm -v`. */
    source: volumeNameSchema.optional(),
    target,
    readOnly,
    /** Do not fill an empty volume with what the image has at `target`. */
    noCopy: z.boolean().default(false),
    /** A folder or file of the volume instead of all of it; it must exist. */
    subpath: subpathSchema.optional(),
    /** For a volume that this mount makes; they change nothing about one that is there. */
    driver: volumeDriverSchema.optional(),
    driverOptions: volumeOptionsSchema.optional(),
    labels: volumeLabelsSchema.optional(),
  }),
  z.strictObject({
    type: z.literal('tmpfs'),
    target,
    readOnly,
    sizeBytes: z.number().int().positive().optional(),
    mode: z.number().int().min(0).max(0o7777).optional(),
    uid: id.optional(),
    gid: id.optional(),
    inodes: z.number().int().positive().optional(),
    /** Programs, set-user-id bits and device nodes work on it only when asked for. */
    exec: z.boolean().optional(),
    suid: z.boolean().optional(),
    dev: z.boolean().optional(),
    noatime: z.boolean().optional(),
  }),
  /** The files of an image, read-only. */
  z.strictObject({ type: z.literal('image'), source: imageRefSchema, target, subpath: subpathSchema.optional() }),
])
export type MountSpec = z.infer<typeof mountSchema>
