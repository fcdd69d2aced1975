import type { AgentHandlers, ByteChannel, PathStat } from '@gantry/contracts'
import type { Container } from '../container/container.ts'
import { emit, type Parts } from '../container/parts.ts'
import { limitsFor } from '../image/context.ts'
import type { Archiver, View } from '../kernel/archiver.ts'
import { channelInput } from '../lib/channel-input.ts'
import { absolutePath, baseName } from './container-path.ts'
import { withContainerView } from './container-view.ts'
import { findOwner } from './owner.ts'

export type ArchiveHandlers = Pick<
  AgentHandlers,
  'container.archiveStat' | 'container.archiveGet' | 'container.archivePut' | 'container.export'
>

/** The agent's methods that carry files into a container and out of it. */
export function archiveHandlers(parts: Parts, archiver: Archiver): ArchiveHandlers {
  const find = (input: { projectId: string; container: string }) => parts.store.find(input.projectId, input.container)
  return {
    'container.archiveStat': async (input) => statPath({ parts, archiver }, find(input), absolutePath(input.path)),
    'container.archiveGet': async (input, channel, signal) => {
      const container = find(input)
      const path = absolutePath(input.path)
      const got = await send(channel, (onBytes) =>
        withContainerView(parts, container, 'read', (view) => archiver.get(view, [{ path, name: baseName(path) }], { onBytes, signal })),
      )
      emit(parts, container, 'archive-path', { path })
      return got
    },
    'container.archivePut': async (input, channel, signal) => {
      const container = find(input)
      const path = absolutePath(input.path)
      const written = await withContainerView(parts, container, 'write', async (view) => {
        const owner = input.copyUidGid ? await ownerOf(archiver, view, container) : undefined
        const flags = input.noOverwriteDirNonDir ? (['strict'] as const) : []
        return archiver.put(view, await channelInput(channel), { path, flags, owner, limits: limitsFor(input.limits), signal })
      })
      emit(parts, container, 'extract-to-dir', { path })
      return { bytes: written.bytes }
    },
    'container.export': async (input, channel, signal) => {
      const container = find(input)
      const got = await send(channel, (onBytes) => exportTo({ parts, archiver }, container, { onBytes, signal }))
      emit(parts, container, 'export')
      return got
    },
  }
}

interface Tools {
  readonly parts: Parts
  readonly archiver: Archiver
}

async function statPath({ parts, archiver }: Tools, container: Container, path: string): Promise<PathStat> {
  const stat = await withContainerView(parts, container, 'read', (view) => archiver.stat(view, path))
  return {
    name: baseName(path),
    size: stat.size,
    mode: stat.mode,
    mtime: new Date(stat.mtimeMs).toISOString(),
    linkTarget: stat.target,
  }
}

/** Whatever is mounted into the container is no part of it. */
function exportTo(
  { parts, archiver }: Tools,
  container: Container,
  sink: { onBytes(bytes: Uint8Array): Promise<void>; signal: AbortSignal },
) {
  return withContainerView(parts, container, 'read', (view) => {
    const own: View = view.kind === 'stack' ? { ...view, mounts: [] } : view
    return archiver.get(own, [{ path: '/', name: '' }], { ...sink, oneMount: true })
  })
}

/** Nobody in particular: the tar's owners stay. */
async function ownerOf(archiver: Archiver, view: View, container: Container): Promise<{ uid: number; gid: number } | undefined> {
  const { user } = container.record.spec
  return user === undefined || user === '' ? undefined : findOwner(archiver, view, user)
}

async function send(
  channel: ByteChannel,
  work: (onBytes: (bytes: Uint8Array) => Promise<void>) => Promise<{ bytes: number }>,
): Promise<{ bytes: number }> {
  const { bytes } = await work((piece) => channel.write(piece))
  channel.end()
  return { bytes }
}
