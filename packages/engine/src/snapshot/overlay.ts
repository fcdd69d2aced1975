import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kernel } from '../kernel/kernel.ts'
import { replaceFileSync } from '../lib/atomic-file.ts'
import type { EngineConfig, RootfsSource, Snapshotter } from '../ports.ts'
import { checkedId, existing, layerPath, readStack, stackFile } from './container-folder.ts'
import { diskUsage } from './disk-usage.ts'
import type { LayerStore } from './layers.ts'
import { withoutMountPoints } from './mount-points.ts'
import { diffUpper } from './overlay-diff.ts'

/** Beside a container's folders when they have a quota of their own. */
const quotaMark = 'quota'

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
  /** Carries out operations on quotas. Absent: sizes cannot be limited, as when a program with root's rights writes. */
  kernel?: Pick<Kernel, 'ops'>
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
    async prepare(containerId, layers, sizeBytes) {
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
      if (sizeBytes !== undefined) {
        // Noted before it is there: whoever removes the folder lifts the limit.
        writeFileSync(join(folder(containerId), quotaMark), '')
        await options.kernel?.ops([['quota.set', String(sizeBytes), folders.upperDir, folders.workDir]])
      }
      replaceFileSync(join(folder(containerId), stackFile), layers)
      return source
    },
    async canLimit() {
      const [answer] = (await options.kernel?.ops([['probe', 'quota', containers]])) ?? []
      return answer === 'ok'
    },
    async remove(containerId) {
      if (existsSync(join(folder(containerId), quotaMark))) {
        await options.kernel?.ops([['quota.clear?', join(folder(containerId), 'upper')]])
      }
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
