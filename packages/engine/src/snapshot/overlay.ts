import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFileSync } from '../lib/atomic-file.ts'
import type { EngineConfig, RootfsSource, Snapshotter } from '../ports.ts'
import { checkedId, existing, layerPath, readStack, stackFile } from './container-folder.ts'
import { diskUsage } from './disk-usage.ts'
import type { LayerStore } from './layers.ts'
import { withoutMountPoints } from './mount-points.ts'
import { diffUpper } from './overlay-diff.ts'

/**
 * overlayfs: a container is two folders of its own (upper, work) over the shared folders of its layers. Only folders are made here;
 * the native side mounts them in the container's own mount namespace, shifted to the project's ids. With `fuseProgram` it is that
 * program which puts them together, over the same folders.
 */
export function createOverlaySnapshotter(options: {
  config: Pick<EngineConfig, 'dataDir'>
  layers: LayerStore
  /** Removes a folder and all below, following no link; the folder may be missing. */
  removeTree?: (path: string) => Promise<void>
  fuseProgram?: string | undefined
}): Snapshotter {
  const { fuseProgram } = options
  const driver = fuseProgram === undefined ? 'overlay2' : 'fuse-overlayfs'
  const removeTree = options.removeTree ?? ((path) => rm(path, { recursive: true, force: true }))
  const containers = join(options.config.dataDir, driver, 'containers')
  mkdirSync(containers, { recursive: true, mode: 0o700 })
  const folder = (containerId: string) => join(containers, checkedId(containerId))
  const lowerDirs = (layers: readonly string[]) => [...layers].reverse().map((chainId) => layerPath(options.layers, chainId))
  return {
    driver,
    async prepare(containerId, layers) {
      const folders = {
        lowerDirs: lowerDirs(layers),
        upperDir: join(folder(containerId), 'upper'),
        workDir: join(folder(containerId), 'work'),
      }
      const source: RootfsSource =
        fuseProgram === undefined ? { kind: 'overlay', ...folders } : { kind: 'fuse', program: fuseProgram, ...folders }
      if (existsSync(join(folder(containerId), stackFile))) return source
      // Synchronous: a few short system calls on the way of every create, cheaper than trips to the thread pool.
      mkdirSync(folders.upperDir, { recursive: true })
      // It becomes the container's `/`, whatever umask the agent was started with.
      chmodSync(folders.upperDir, 0o755)
      mkdirSync(folders.workDir, { recursive: true, mode: 0o700 })
      replaceFileSync(join(folder(containerId), stackFile), layers)
      return source
    },
    async remove(containerId) {
      await removeTree(folder(containerId))
    },
    usage: async (containerId) => diskUsage(join(existing(folder(containerId), containerId), 'upper')),
    async diff(containerId) {
      const own = existing(folder(containerId), containerId)
      const [upper, lowers] = [join(own, 'upper'), lowerDirs(readStack(join(own, stackFile), containerId))]
      return withoutMountPoints(await diffUpper(upper, lowers), upper, lowers)
    },
    withLowerView: (layers, use) => use(lowerDirs(layers)),
    list: async () => readdirSync(containers),
  }
}
