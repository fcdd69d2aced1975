import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { readStateFile, replaceFileSync } from '../lib/atomic-file.ts'
import type { EngineConfig, RootfsSource, Snapshotter } from '../ports.ts'
import { diskUsage } from './disk-usage.ts'
import type { LayerStore } from './layers.ts'
import { diffUpper } from './overlay-diff.ts'

/** Which layers the container stands on, topmost last: diff needs them again after a restart of the agent. */
const stackFile = 'layers.json'

/**
 * overlayfs: a container is two folders of its own (upper, work) over the shared folders of its layers. Only folders are made here;
 * the native side mounts them in the container's own mount namespace, shifted to the project's ids.
 */
export function createOverlaySnapshotter(options: {
  config: Pick<EngineConfig, 'dataDir'>
  layers: LayerStore
  /** Removes a folder and all below, following no link; the folder may be missing. */
  removeTree?: (path: string) => Promise<void>
}): Snapshotter {
  const removeTree = options.removeTree ?? ((path) => rm(path, { recursive: true, force: true }))
  const containers = join(options.config.dataDir, 'overlay2', 'containers')
  mkdirSync(containers, { recursive: true, mode: 0o700 })
  const folder = (containerId: string) => join(containers, checkedId(containerId))
  const lowerDirs = (layers: readonly string[]) => [...layers].reverse().map((chainId) => layerPath(options.layers, chainId))
  return {
    driver: 'overlay2',
    async prepare(containerId, layers) {
      const source: RootfsSource = {
        lowerDirs: lowerDirs(layers),
        upperDir: join(folder(containerId), 'upper'),
        workDir: join(folder(containerId), 'work'),
      }
      if (existsSync(join(folder(containerId), stackFile))) return source
      // Synchronous: a few short system calls on the way of every create, cheaper than trips to the thread pool.
      mkdirSync(source.upperDir, { recursive: true })
      // It becomes the container's `/`, whatever umask the agent was started with.
      chmodSync(source.upperDir, 0o755)
      mkdirSync(source.workDir, { recursive: true, mode: 0o700 })
      replaceFileSync(join(folder(containerId), stackFile), layers)
      return source
    },
    async remove(containerId) {
      await removeTree(folder(containerId))
    },
    usage: async (containerId) => diskUsage(join(existing(folder(containerId), containerId), 'upper')),
    async diff(containerId) {
      const own = existing(folder(containerId), containerId)
      return diffUpper(join(own, 'upper'), lowerDirs(readStack(join(own, stackFile), containerId)))
    },
    withLowerView: (layers, use) => use(lowerDirs(layers)),
    list: async () => readdirSync(containers),
  }
}

function readStack(file: string, containerId: string): readonly string[] {
  const read = readStateFile(file)
  if (read.kind !== 'value') throw new GantryError('internal', `the list of layers of container ${containerId} is ${read.kind}`)
  return read.value as readonly string[]
}

function layerPath(layers: LayerStore, chainId: string): string {
  if (!layers.get(chainId)) throw new GantryError('not_found', `layer ${chainId} is missing`, { remedy: 'pull or load the image again' })
  return layers.path(chainId)
}

function existing(folder: string, containerId: string): string {
  if (!existsSync(folder)) throw new GantryError('not_found', `container ${containerId} has no writable layer`)
  return folder
}

function checkedId(containerId: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId)) throw new GantryError('internal', `"${containerId}" is not a container id`)
  return containerId
}
