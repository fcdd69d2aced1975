import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentHandlers } from '@gantry/contracts'
import { tellPruned } from '../event/tell-pruned.ts'
import { ioErrors } from '../image/io-errors.ts'
import { buildImage, type BuildShop } from './build-image.ts'
import { commitContainer } from './commit.ts'
import { importImage } from './import-image.ts'
import { listCache, pruneCache } from './prune-cache.ts'

export type BuildHandlers = Pick<
  AgentHandlers,
  'container.commit' | 'image.import' | 'image.build' | 'image.buildCache' | 'image.pruneBuilds'
>

/** The agent's methods that make images of files. */
export function buildHandlers(options: Omit<BuildShop, 'folder'>): BuildHandlers {
  const { config, store } = options.parts
  const shop: BuildShop = { ...options, folder: emptyFolder(join(config.dataDir, 'build', 'tmp')) }
  return {
    'container.commit': (input, signal) =>
      ioErrors(() => commitContainer(shop, store.find(input.projectId, input.container), input, signal)),
    'image.import': (input, channel, signal) => ioErrors(() => importImage(shop, input, channel, signal)),
    'image.build': (input, channel, signal) => ioErrors(() => buildImage(shop, input, channel, signal)),
    'image.buildCache': async ({ projectId }) => listCache(shop, projectId),
    'image.pruneBuilds': async (input) => {
      const pruned = await ioErrors(() => pruneCache(shop, input))
      tellPruned(options.parts.events, 'builder', input.projectId, pruned.reclaimedBytes)
      return pruned
    },
  }
}

/** What an interrupted build left is of no use. */
function emptyFolder(path: string): string {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true, mode: 0o700 })
  return path
}
