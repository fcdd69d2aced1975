import { GantryError, type ImageTransfer, type Progress, imageRefSchema, registryAuthSchema } from '@gantry/contracts'
import { presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import type { Backend, Caller } from '../backend.ts'
import { projectFields, resumeFields } from '../lib/project-input.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { streamCase } from '../stream-case.ts'
import { type AdmitScope, useCase } from '../use-case.ts'
import type { Transfer } from './image-transfers.ts'
import { roomFor } from './room.ts'

const transferFields = { ...projectFields, reference: imageRefSchema, auth: registryAuthSchema.optional() }
const pullFields = { ...transferFields, platform: z.string().max(64).optional() }
const runFields = { ...transferFields, transferId: z.string() }

/** Where progress goes, and when nobody wants the image any more. */
export interface Follower {
  onProgress(line: Progress): void
  signal?: AbortSignal
}
type PickFollower<S extends z.ZodType> = (backend: Backend, input: z.output<S>) => Follower

/**
 * The whole pull, from reservation to audit entry; it lasts as long as the pull. Room for one image is reserved before, and given back
 * when the project had it already.
 */
const pullCase = <S extends z.ZodType<z.output<z.ZodObject<typeof pullFields>>>>(input: S, follower: PickFollower<S>) =>
  useCase({
    verb: 'image.pull',
    permission: 'image.change',
    effect: 'agent',
    input,
    object: ({ reference }) => `image ${reference}`,
    prepare: ({ backend }: AdmitScope, { projectId }) => measureDisk(backend, projectId),
    async admit(tx, { operationId, user }, { projectId }, diskBytes): Promise<{ maxBytes: number } | undefined> {
      const admission = await lockForAdmission(tx, projectId)
      admit(admission, { images: 1 }, diskBytes)
      await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'image', keys: [operationId] })
      return roomFor(admission.limits, diskBytes)
    },
    async run({ backend, commit, user }, given, limits): Promise<{ id: string }> {
      const { projectId, reference, auth, platform } = given
      const { onProgress, signal } = follower(backend, given)
      for await (const line of backend.agent.stream('image.pull', { projectId, reference, auth, platform, limits }, { signal }))
        onProgress(line)
      const { id } = await backend.agent.call('image.inspect', { projectId, image: reference })
      await commit((tx) => presentHoldings(tx, { projectId, kind: 'image', keys: [id], createdById: user.id }))
      return { id }
    },
  })

const pushCase = <S extends z.ZodType<z.output<z.ZodObject<typeof transferFields>>>>(input: S, follower: PickFollower<S>) =>
  useCase({
    verb: 'image.push',
    permission: 'image.change',
    effect: 'agent',
    input,
    object: ({ reference }) => `image ${reference}`,
    async run({ backend }, given): Promise<{ reference: string }> {
      const { projectId, reference, auth } = given
      const { onProgress, signal } = follower(backend, given)
      for await (const line of backend.agent.stream('image.push', { projectId, reference, auth }, { signal })) onProgress(line)
      return { reference }
    },
  })

/** A pull that somebody waits for, and that ends when they leave. */
export const pullFor = (follower: Follower) => pullCase(z.strictObject(pullFields), () => follower)
export const pushFor = (follower: Follower) => pushCase(z.strictObject(transferFields), () => follower)

const transferOf = (backend: Backend, { projectId, transferId }: { projectId: string; transferId: string }): Follower => {
  const transfer = backend.transfers.find(projectId, transferId)
  return { onProgress: (line) => transfer.progress(line) }
}
/** Started by `startPull`; belongs to nobody's connection. */
export const pullImage = pullCase(z.strictObject({ ...pullFields, ...runFields }), transferOf)
export const pushImage = pushCase(z.strictObject(runFields), transferOf)

export const startPull = starter('pull')
export const startPush = starter('push')

/** Returns at once; the transfer goes on by itself. It is authorised here and, as every use case, once more when it runs. */
function starter(kind: 'pull' | 'push') {
  return useCase({
    verb: `image.${kind}`,
    permission: 'image.change',
    effect: 'read',
    input: z.strictObject(transferFields),
    async run({ backend, caller, operationId }, input): Promise<{ operationId: string }> {
      const { projectId, reference } = input
      const transfer = backend.transfers.start({ operationId, projectId, reference, kind, startedAt: backend.now().toISOString() })
      void carryOut(backend, caller, transfer, { ...input, transferId: operationId })
      return { operationId }
    },
  })
}

async function carryOut(backend: Backend, caller: Caller, transfer: Transfer, input: z.output<typeof pullImage.input>): Promise<void> {
  try {
    await (transfer.state.kind === 'pull' ? pullImage : pushImage).execute(backend, caller, input)
    transfer.finish(null)
  } catch (error) {
    if (!(error instanceof GantryError)) backend.log.error('an image transfer failed', { error })
    transfer.finish(error instanceof GantryError ? error : new GantryError('internal', 'internal error'))
  }
}

/** Pulls and pushes of the project that run or ended lately. */
export const listTransfers = useCase({
  verb: 'image.transfers',
  permission: 'image.view',
  effect: 'read',
  input: z.strictObject(projectFields),
  run: async ({ backend }, { projectId }): Promise<ImageTransfer[]> => backend.transfers.list(projectId),
})

/** The state of a transfer whenever it changed, until it ends. */
export const watchTransfer = streamCase({
  verb: 'image.progress',
  permission: 'image.view',
  input: z.strictObject({ ...projectFields, ...resumeFields, operationId: z.string().max(64) }),
  run: ({ backend, signal }, { projectId, operationId }): AsyncIterable<ImageTransfer> =>
    backend.transfers.find(projectId, operationId).watch(signal),
})
