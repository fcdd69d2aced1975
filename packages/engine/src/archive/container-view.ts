import { join } from 'node:path'
import type { Container } from '../container/container.ts'
import { noSuchContainer } from '../container/container.ts'
import type { Parts } from '../container/parts.ts'
import { prepareRootfs } from '../container/start.ts'
import type { View } from '../kernel/archiver.ts'
import type { ResolvedMount, RootfsSource } from '../ports.ts'

/**
 * Runs `use` with the container's files as the container sees them: a running one from its own namespaces, one that does not run from
 * its layers and volumes put together anew. `write` keeps the latter from being started meanwhile, as a start mounts the same layer.
 */
export async function withContainerView<T>(
  parts: Parts,
  container: Container,
  access: 'read' | 'write',
  use: (view: View) => Promise<T>,
): Promise<T> {
  const running = runningView(parts, container, access)
  if (running) return use(running)
  const { view, done } = await parts.locks.run(container.id, async () => {
    if (container.removed) throw noSuchContainer(container.name)
    await container.cleanup
    const view = runningView(parts, container, access) ?? (await stoppedView(parts, container, access))
    // Whoever reads needs no lock: what a start changes meanwhile is what a running container changes.
    const locked = access === 'write' && view.kind === 'stack'
    return { view, done: locked ? await use(view).then((value) => ({ value })) : undefined }
  })
  return done ? done.value : use(view)
}

function runningView(parts: Parts, container: Container, access: 'read' | 'write'): View | undefined {
  const { started, state } = container
  if (!started || container.removed) return undefined
  // A frozen group would freeze whoever enters it.
  const enter = access === 'write' && state.status !== 'paused'
  const groups = enter ? parts.cgroups.enterOps(container.group).flatMap(([, procs]) => procs ?? []) : []
  return { kind: 'process', pid: started.pid, startTicks: started.startTicks, groups }
}

async function stoppedView(parts: Parts, container: Container, access: 'read' | 'write'): Promise<View> {
  const { record } = container
  // A volume that is to be filled from the image is filled before somebody else puts something into it.
  const rootfs = await prepareRootfs(parts, container)
  return stackView(rootfs, {
    mounts: record.mounts,
    access: record.spec.readonlyRootfs ? 'read' : access,
  })
}

/** A container's layers with its volumes and binds; tmpfs and the mounts of other images are there only while it runs. */
export function stackView(
  rootfs: RootfsSource,
  { mounts, access }: { mounts: readonly ResolvedMount[]; access: 'read' | 'write' },
): View & { kind: 'stack' } {
  const depth = (mount: ResolvedMount) => mount.target.split('/').filter((part) => part !== '').length
  const shown = mounts.filter((mount) => mount.type === 'bind' || mount.type === 'volume').sort((a, b) => depth(a) - depth(b))
  return {
    kind: 'stack',
    ...ownFolders(rootfs, access === 'write'),
    mounts: shown.map(({ type, source, subpath, target, readOnly, recursive }) => ({
      source: subpath === undefined ? source : join(source, subpath),
      target,
      flags: [
        ...(readOnly ? (['ro'] as const) : []),
        // A link in the way is not followed, as it may lead anywhere on the host.
        ...(type === 'bind' || subpath !== undefined ? (['strict'] as const) : []),
        ...(recursive ? (['rec'] as const) : []),
      ],
    })),
  }
}

function ownFolders(
  rootfs: RootfsSource,
  writable: boolean,
): Pick<View & { kind: 'stack' }, 'lowerDirs' | 'upperDir' | 'workDir' | 'tree'> {
  if (rootfs.kind === 'tree') return { lowerDirs: [], tree: { folder: rootfs.folder, writable } }
  const { lowerDirs, upperDir, workDir } = rootfs
  return { lowerDirs, upperDir, ...(writable ? { workDir } : {}) }
}
