import { GantryError, type PathStat } from '@gantry/contracts'
import { type ArchiveSink, exportContainer, readContainerArchive, statContainerPath, writeContainerArchive } from '@gantry/core'
import { z } from 'zod'
import { DockerError } from '../errors.ts'
import { flag, text } from '../query.ts'
import { type Call, type Route, route } from '../route.ts'
import { pathStatHeader } from '../translate/file-stat.ts'
import type { ReplyStream } from '../wire/reply-stream.ts'

const path = text.refine((value) => value !== undefined, 'missing parameter: path').transform((value) => value ?? '')

/** Files of a container, in and out (`docker cp`), and all of them at once (`docker export`). */
export const archiveRoutes: readonly Route[] = [
  route({
    method: 'HEAD',
    path: '/containers/{id}/archive',
    query: z.object({ path }),
    async handle(call) {
      const stat = await statOf(call, call.params.id, call.query.path)
      return { status: 200, text: '', headers: { 'X-Docker-Container-Path-Stat': pathStatHeader(stat) } }
    },
  }),
  route({
    method: 'GET',
    path: '/containers/{id}/archive',
    query: z.object({ path }),
    async handle(call) {
      const { id } = call.params
      const stat = await statOf(call, id, call.query.path)
      const headers = { 'X-Docker-Container-Path-Stat': pathStatHeader(stat) }
      return tarOf(call, headers, (sink) => call.run(readContainerArchive(sink), { container: id, path: call.query.path }))
    },
  }),
  route({
    method: 'PUT',
    path: '/containers/{id}/archive',
    query: z.object({ path, noOverwriteDirNonDir: flag, copyUIDGID: flag }),
    async handle(call) {
      const { path: target, noOverwriteDirNonDir, copyUIDGID } = call.query
      const input = { container: call.params.id, path: target, noOverwriteDirNonDir, copyUidGid: copyUIDGID }
      await missingPath(call.params.id, target, call.run(writeContainerArchive({ archive: call.request, signal: call.signal }), input))
      return { status: 200, text: '' }
    },
  }),
  route({
    method: 'GET',
    path: '/containers/{id}/export',
    handle: (call) => tarOf(call, {}, (sink) => call.run(exportContainer(sink), { container: call.params.id })),
  }),
]

function statOf(call: Pick<Call, 'run'>, container: string, asked: string): Promise<PathStat> {
  return missingPath(container, asked, call.run(statContainerPath, { container, path: asked }))
}

/** Docker's words for a path that is not there; a container that is not there has its own. */
async function missingPath<T>(container: string, asked: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof GantryError) || error.code !== 'not_found' || /no such container/.test(error.message)) throw error
    throw new DockerError(404, `Could not find the file ${asked} in container ${container}`)
  }
}

/** The head goes with the first bytes: a failure before has a status of its own, one after cuts the answer off. */
async function tarOf(
  call: Pick<Call, 'stream' | 'signal'>,
  headers: Record<string, string>,
  work: (sink: ArchiveSink) => Promise<unknown>,
): Promise<undefined> {
  let out: ReplyStream | undefined
  const open = () => (out ??= call.stream('application/x-tar', headers))
  try {
    await work({ signal: call.signal, onBytes: (bytes) => open().write(bytes) })
  } catch (error) {
    if (!out) throw error
    out.cut()
    return undefined
  }
  open().end()
  return undefined
}
