import { type ByteChannel, type InputOf, type LoadLine, type OutputOf, type Progress, loadLineSchema } from '@gantry/contracts'
import { knownKeys, presentHoldings, releaseHoldings, reserveHoldings } from '@gantry/db'
import { z } from 'zod'
import type { Backend, Caller } from '../backend.ts'
import { send } from '../lib/byte-streams.ts'
import { projectFields } from '../lib/project-input.ts'
import { admit, lockForAdmission, measureDisk } from '../project/admit.ts'
import { type AdmitScope, type UseCase, useCase } from '../use-case.ts'
import { roomFor } from './room.ts'

type Loaded = OutputOf<'image.load'>

/** Where the archive comes from and where the progress goes. */
export interface ArchiveUpload {
  archive: AsyncIterable<Uint8Array>
  onProgress(line: Progress): void
  signal: AbortSignal
}

/**
 * Loads the images of an uploaded OCI or docker archive. Room for one is reserved before it is received; when the agent has
 * counted them, and before any of them can be seen, for exactly those that the project does not have.
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
      const admitAll = (ids: string[]) => reserveImages(scope, projectId, ids)
      const loaded = await transmit(scope.backend, { projectId, limits, admission: true }, { ...upload, admitAll })
      scope.object = `image ${loaded.references.join(', ') || loaded.ids.join(', ')}`
      await scope.commit((tx) => presentHoldings(tx, { projectId, kind: 'image', keys: loaded.ids, createdById: scope.user.id }))
      return loaded
    },
  })
}

/** In place of what the operation has reserved so far. */
function reserveImages({ backend, operationId, user }: AdmitScope, projectId: string, ids: string[]): Promise<void> {
  return backend.db.transaction(async (tx) => {
    await releaseHoldings(tx, operationId)
    const admission = await lockForAdmission(tx, projectId)
    const known = await knownKeys(tx, projectId, 'image', ids)
    const keys = ids.filter((id) => !known.has(id))
    admit(admission, { images: keys.length })
    await reserveHoldings(tx, { projectId, operationId, createdById: user.id, kind: 'image', keys })
  })
}

/** Loads as `caller`. */
export function uploadImage(backend: Backend, caller: Caller, projectId: string, upload: ArchiveUpload): Promise<Loaded> {
  return loadImage(upload).execute(backend, caller, { projectId })
}

async function transmit(
  { agent }: Backend,
  input: InputOf<'image.load'>,
  { archive, onProgress, admitAll, signal }: ArchiveUpload & { admitAll: (ids: string[]) => Promise<void> },
): Promise<Loaded> {
  const refused = new AbortController()
  const { channel, result } = agent.duplex('image.load', input, { signal: AbortSignal.any([signal, refused.signal]), bulk: true })
  const sent = send(channel, archive)
  // What is wrong with the sending is told by the agent's verdict.
  sent.catch(() => undefined)
  const told = readLines(channel, async (line) => {
    if (!('admit' in line)) return onProgress(line)
    await admitAll(line.admit)
    await channel.write(Buffer.from('.'))
  })
  // The agent waits for leave that never comes.
  told.catch(() => refused.abort())
  // The agent's verdict comes first: it may refuse before everything is sent.
  const loaded = await result.catch(async (error) => {
    if (refused.signal.aborted) await told
    throw error
  })
  await told
  return loaded
}

async function readLines(channel: ByteChannel, onLine: (line: LoadLine) => unknown): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of channel.incoming) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line) await onLine(loadLineSchema.parse(JSON.parse(line)))
  }
}
