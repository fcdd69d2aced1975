import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFileSync } from '../lib/atomic-file.ts'
import type { EngineConfig, RootfsSource, Snapshotter } from '../ports.ts'
import { checkedId, existing, layerPath, readStack, stackFile } from './container-folder.ts'
import type { LayerStore, Trees } from './layers.ts'
import { withoutMountPoints } from './mount-points.ts'
import { diffTrees, usageOfTree } from './tree-diff.ts'

/**
 * vfs and btrfs: a layer is one folder with all of the layers below in it, and a container has a copy of the topmost one, which the
 * native side mounts as it is, shifted to the project's ids.
 */
export function createTreeSnapshotter(options: {
  config: Pick<EngineConfig, 'dataDir'>
  driver: string
  layers: LayerStore
  trees: Trees
  /** Removes a folder and all below, following no link; the folder may be missing. */
  removeTree?: (path: string) => Promise<void>
}): Snapshotter {
  const { driver, layers, trees } = options
  const removeTree = options.removeTree ?? ((path) => rm(path, { recursive: true, force: true }))
  const containers = join(options.config.dataDir, driver, 'containers')
  mkdirSync(containers, { recursive: true, mode: 0o700 })
  const folder = (containerId: string) => join(containers, checkedId(containerId))
  /** Nothing for an image without layers. */
  const top = (stack: readonly string[]) => stack.slice(-1).map((chainId) => layerPath(layers, chainId))
  const remove = async (own: string) => {
    await trees.remove(join(own, 'tree'))
    await removeTree(own)
  }
  const topOf = (own: string, containerId: string) => top(readStack(join(own, stackFile), containerId))[0]
  return {
    driver,
    async prepare(containerId, stack) {
      const [own, lowerDirs] = [folder(containerId), top(stack)]
      const source: RootfsSource = { kind: 'tree', folder: join(own, 'tree'), lowerDirs }
      if (existsSync(join(own, stackFile))) return source
      for (const chainId of stack) layerPath(layers, chainId)
      // Without the file the copy may be half of one.
      await remove(own)
      mkdirSync(own, { mode: 0o700 })
      if (lowerDirs[0] === undefined) {
        await trees.create(source.folder)
        chmodSync(source.folder, 0o755)
      } else {
        await trees.clone(lowerDirs[0], source.folder)
      }
      replaceFileSync(join(own, stackFile), stack)
      return source
    },
    canLimit: async () => false,
    remove: (containerId) => remove(folder(containerId)),
    async usage(containerId) {
      const own = existing(folder(containerId), containerId)
      return usageOfTree(join(own, 'tree'), topOf(own, containerId))
    },
    async diff(containerId) {
      const own = existing(folder(containerId), containerId)
      const [tree, below] = [join(own, 'tree'), topOf(own, containerId)]
      return withoutMountPoints(await diffTrees(tree, below), tree, below === undefined ? [] : [below])
    },
    withLowerView: (stack, use) => use(top(stack)),
    list: async () => readdirSync(containers),
  }
}
