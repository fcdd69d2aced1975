import { containerIdSchema, containerSpecSchema, containerStateSchema, projectIdSchema, startStepSchema } from '@gantry/contracts'
import { z } from 'zod'

const resolvedMountSchema = z.object({
  type: z.enum(['bind', 'volume', 'tmpfs', 'image']),
  name: z.string().optional(),
  source: z.string(),
  subpath: z.string().optional(),
  target: z.string(),
  readOnly: z.boolean(),
  propagation: z.string(),
  recursive: z.boolean(),
  readOnlyRecursive: z.enum(['off', 'force']).optional(),
  copyUp: z.boolean(),
  idmapped: z.boolean(),
  layers: z.array(z.string()).optional(),
  /** Of an image. */
  imageId: z.string().optional(),
  tmpfs: z
    .object({
      sizeBytes: z.number().optional(),
      mode: z.number().optional(),
      uid: z.number().optional(),
      gid: z.number().optional(),
      inodes: z.number().optional(),
      exec: z.boolean().optional(),
      suid: z.boolean().optional(),
      dev: z.boolean().optional(),
      noatime: z.boolean().optional(),
    })
    .optional(),
})

/** What a container is: `spec.json`. Written when the container is created, and again by rename, update, connect and disconnect. */
export const containerRecordSchema = z.object({
  version: z.literal(1),
  id: containerIdSchema,
  projectId: projectIdSchema,
  name: z.string(),
  createdAt: z.string(),
  /** As asked for, with the image's defaults applied. */
  spec: containerSpecSchema,
  args: z.array(z.string()),
  image: z.object({ id: z.string(), reference: z.string(), layers: z.array(z.string()) }),
  /** Host id that container root is; 0 with `userns: host`. */
  idBase: z.number().int(),
  mounts: z.array(resolvedMountSchema),
  warnings: z.array(z.string()),
  /** A step of a build: in no list, and gone with the agent that builds. */
  forBuild: z.boolean().optional(),
  /** Of the create call, so that repeating it after a restart of the agent finds this container. */
  operationId: z.string().optional(),
})
export type ContainerRecord = z.output<typeof containerRecordSchema>

/** How a container is: `state.json`. Absent until the first start. */
export const savedStateSchema = z.object({
  version: z.literal(1),
  state: containerStateSchema,
  /** Stopped or killed on request since it last ran: restart policies look at it. */
  stoppedByUser: z.boolean(),
  /** kernel.random.boot_id of the machine when it was written: what ran in an earlier boot does not run now. */
  boot: z.string(),
  /** AppArmor profile of the last run. */
  apparmorProfile: z.string().default(''),
  lastStart: z.object({ totalUs: z.number(), steps: z.array(startStepSchema) }).optional(),
})
export type SavedState = z.output<typeof savedStateSchema>
