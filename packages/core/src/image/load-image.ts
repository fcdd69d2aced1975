import { type ByteChannel, type OutputOf, type Progress, progressSchema } from '@gantry/contracts'
import { presentHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import type { Backend, Caller } from '../backend.ts'
import { send } from '../lib/byte-streams.ts'
import { projectFields } from '../lib/project-input.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { type UseCase, useCase } from '../use-case.ts'
import { roomFor } from './room.ts'

type Loaded = OutputOf<'image.load'>

/** Where the archive comes from and where the progress goes. */
export interface ArchiveUpload {
  archive: AsyncIterable<Uint8Array>
  onProgress(line: Progress): void
  signal: AbortSignal
}

/**
 * Loads the images of an uploaded OCI or docker archive. An archive can hold several; room is reserved for one, and the others
 * count from when they are there.
 */
export function loadImage(upload: ArchiveUpload): UseCase<z.ZodObject<typeof projectFields, z.core.$strict>, Loaded> {
  return useCase({
    verb: 'image.load',
    permission: 'image.change',
    effect: 'agent',
    input: z.strictObject(projectFields),
    object: ({ projectId }) => `image archive into project ${projectId}`,
    prepare: ({ backend }, { projectId }) => measureDisk(backend, projectId),
    async admit(tx, { operationId, user }, { projectId }, diskBytes): Promise<{ maxBytes: number } | undefined> {
      const admission = await lockForAdmission(tx, projectId)
      admit(admission, { images: 1 }, diskBytes)
      await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'image', keys: [operationId] })
      return roomFor(admission.limits, diskBytes)
    },
    async run(scope, { projectId }, limits): Promise<Loaded> {
      const loaded = await transmit(scope.backend, { projectId, limits }, upload)
      scope.object = `image ${loaded.references.join(', ') || loaded.ids.join(', ')}`
      await scope.commit((tx) => presentHoldings(tx, { projectId, kind: 'image', keys: loaded.ids, createdById: scope.user.id }))
      return loaded
    },
  })
}

/** Loads as `caller`. */
export function uploadImage(backend: Backend, caller: Caller, projectId: string, upload: ArchiveUpload): Promise<Loaded> {
  return loadImage(upload).execute(backend, caller, { projectId })
}

async function transmit(
  { agent }: Backend,
  input: { projectId: string; limits: { maxBytes: number } | undefined },
  { archive, onProgress, signal }: ArchiveUpload,
): Promise<Loaded> {
  const { channel, result } = agent.duplex('image.load', input, { signal, bulk: true })
  const sent = send(channel, archive)
  const told = readProgress(channel, onProgress)
  try {
    // The agent's verdict comes first: it may refuse before everything is sent.
    const loaded = await result
    await told
    return loaded
  } finally {
    sent.catch(() => undefined)
    told.catch(() => undefined)
  }
}

/** Progress comes as JSON lines. */
async function readProgress(channel: ByteChannel, onProgress: (line: Progress) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of channel.incoming) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line) onProgress(progressSchema.parse(JSON.parse(line)))
  }
}
