import { type AgentClient, type PathStat, containerPathSchema, containerRefSchema } from '@gantry/contracts'
import { findLimits } from '@gantry/db'
import { z } from 'zod'
import type { Backend } from '../backend.ts'
import { roomFor } from '../image/room.ts'
import { receive, send } from '../lib/byte-streams.ts'
import { projectFields } from '../lib/project-input.ts'
import { checkQuota } from '../policy/quota.ts'
import { measureDisk } from '../project/admit.ts'
import { useCase } from '../use-case.ts'

const containerFields = { ...projectFields, container: containerRefSchema }
const pathFields = { ...containerFields, path: containerPathSchema }

/** Where the bytes of a tar go, each piece when the one before was taken. */
export interface ArchiveSink {
  onBytes(bytes: Uint8Array): Promise<void>
  signal: AbortSignal
}
/** Where the bytes of a tar come from. */
export interface ArchiveSource {
  archive: AsyncIterable<Uint8Array>
  signal: AbortSignal
}

/** Whoever may run commands in a container may read its files too. */
export const statContainerPath = useCase({
  verb: 'container.archiveStat',
  permission: 'container.exec',
  effect: 'read',
  input: z.strictObject(pathFields),
  run: ({ backend }, input): Promise<PathStat> => backend.agent.call('container.archiveStat', input),
})

/** A tar of a file or folder of the container. */
export function readContainerArchive(sink: ArchiveSink) {
  return useCase({
    verb: 'container.archiveGet',
    permission: 'container.exec',
    effect: 'agent',
    input: z.strictObject(pathFields),
    object: ({ container, path }) => `${path} of container ${container}`,
    run: ({ backend: { agent } }, asked) => download(agent.duplex('container.archiveGet', asked, sink), sink),
  })
}

/** A tar of the container's file system. */
export function exportContainer(sink: ArchiveSink) {
  return useCase({
    verb: 'container.export',
    permission: 'container.exec',
    effect: 'agent',
    input: z.strictObject(containerFields),
    object: ({ container }) => `container ${container}`,
    run: ({ backend: { agent } }, asked) => download(agent.duplex('container.export', asked, sink), sink),
  })
}

const putFields = { ...pathFields, noOverwriteDirNonDir: z.boolean().default(false), copyUidGid: z.boolean().default(false) }

/** Unpacks a tar into a folder of the container. In a project with a disk limit it may be as large as what is left of it. */
export function writeContainerArchive(source: ArchiveSource) {
  return useCase({
    verb: 'container.archivePut',
    permission: 'container.exec',
    effect: 'agent',
    input: z.strictObject(putFields),
    object: ({ container, path }) => `${path} of container ${container}`,
    async run(scope, asked) {
      const limits = await roomOf(scope.backend, asked.projectId)
      const { channel, result } = scope.backend.agent.duplex('container.archivePut', { ...asked, limits }, { ...source, bulk: true })
      const sent = send(channel, source.archive)
      // The agent's verdict comes first: it may refuse before everything is sent.
      sent.catch(() => undefined)
      return result
    },
  })
}

async function roomOf(backend: Backend, projectId: string): Promise<{ maxBytes: number } | undefined> {
  const diskBytes = await measureDisk(backend, projectId)
  const limits = await findLimits(backend.db.read, projectId)
  if (!limits) return undefined
  // What is written counts as one more of anything.
  const refusal = checkQuota({ containers: 0, volumes: 0, images: 0, diskBytes }, { images: 1 }, { diskBytes: limits.diskBytes })
  if (refusal) throw refusal
  return roomFor(limits, diskBytes)
}

async function download<T>({ channel, result }: ReturnType<AgentClient['duplex']> & { result: Promise<T> }, sink: ArchiveSink): Promise<T> {
  const received = receive(channel, (bytes) => sink.onBytes(bytes))
  const [got, told] = await Promise.allSettled([received, result])
  if (told.status === 'rejected') throw told.reason
  if (got.status === 'rejected') throw got.reason
  return told.value
}
