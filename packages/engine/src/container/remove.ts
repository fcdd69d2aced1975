import { existsSync, renameSync } from 'node:fs'
import { GantryError } from '@gantry/contracts'
import { faultPoint } from '../lib/fault.ts'
import type { Container } from './container.ts'
import { emit, monitorDir, type Parts } from './parts.ts'
import { killAndWait } from './stop.ts'

export interface RemoveOptions {
  /** Kill it when it runs. */
  readonly force: boolean
  /** Remove its anonymous volumes as well. */
  readonly volumes: boolean
}

/** Removes a container: what it wrote, its log, its name. Throws `wrong_state` when it runs, unless `force`. */
export async function removeContainer(parts: Parts, container: Container, options: RemoveOptions): Promise<void> {
  await parts.locks.run(container.id, async () => {
    if (options.force) {
      if (container.running) await killAndWait(parts, container)
      else if (container.state.status === 'restarting') container.state.status = 'exited'
    }
    container.require('remove')
    await removeLocked(parts, container, options)
  })
}

/** The caller holds the lock and has checked that nothing runs. */
export async function removeLocked(parts: Parts, container: Container, options: { volumes: boolean }): Promise<void> {
  clearTimeout(container.restartTimer)
  await container.cleanup
  const entry = container.removeEntry ?? parts.journal.begin(options.volumes ? 'remove-volumes' : 'remove', container.id)
  container.removeEntry = entry
  container.state.status = 'removing'
  faultPoint('remove.begin')
  try {
    await removeTraces(parts, container.id, options)
  } catch (error) {
    container.state.status = 'dead'
    container.state.error = error instanceof Error ? error.message : String(error)
    // The entry stays open: what cannot be completed now, by asking again, is completed by the next agent.
    throw new GantryError(
      'internal',
      `container ${container.name} could not be removed completely: ${container.state.error}`,
      {},
      { cause: error },
    )
  }
  container.removed = true
  parts.store.delete(container)
  parts.execs.forget(container)
  emit(parts, container, 'destroy')
  container.notify('removed', 'not-running', 'next-exit')
  container.notifyStart(new GantryError('not_found', `container ${container.name} was removed`))
  parts.background.run('removing a container from the disk', async () => {
    await emptyTombstone(parts, container.id)
    parts.journal.end(entry)
  })
}

/**
 * The part of a removal that the caller waits for, by id alone, so that recovery can finish it too. Renaming the folder is the point
 * of no return: a folder without its name is never loaded again, only removed.
 */
export async function removeTraces(parts: Pick<Parts, 'store' | 'volumes' | 'images'>, id: string, options: { volumes: boolean }) {
  const folder = parts.store.folder(id)
  if (existsSync(folder)) renameSync(folder, `${folder}.removed`)
  faultPoint('remove.tombstone')
  await parts.volumes.release(id, options.volumes)
  await parts.images.removeUser(id)
  faultPoint('remove.volumes')
}

/** The part that only takes time: what the container wrote. Nothing of it is found under its id any more once this has resolved. */
export async function emptyTombstone(parts: Pick<Parts, 'store' | 'snapshots' | 'kernel' | 'config'>, id: string): Promise<void> {
  await parts.snapshots.remove(id)
  faultPoint('remove.snapshot')
  await parts.kernel.ops([
    ['rmtree', monitorDir(parts.config, id)],
    ['rmtree', `${parts.store.folder(id)}.removed`],
  ])
  faultPoint('remove.folder')
}
