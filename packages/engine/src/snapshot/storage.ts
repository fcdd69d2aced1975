import { existsSync, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '@gantry/contracts'
import { z } from 'zod'
import type { Kernel } from '../kernel/kernel.ts'
import type { Unpacker } from '../kernel/unpack.ts'
import { readStateFile, replaceFileSync } from '../lib/atomic-file.ts'
import type { EngineConfig, Snapshotter } from '../ports.ts'
import { checkDriver } from './check-driver.ts'
import { createLayerStore, type LayerStore, type Trees } from './layers.ts'
import { createOverlaySnapshotter } from './overlay.ts'
import { fuseOverlayfs, type StorageDriver, storageDrivers } from './storage-driver.ts'
import { createTreeSnapshotter } from './tree.ts'

export interface StorageOptions {
  readonly config: Pick<EngineConfig, 'dataDir' | 'log'>
  readonly unpacker: Unpacker
  readonly kernel: Pick<Kernel, 'ops'>
  /** As asked for; absent: what the data folder was made with, overlay2 for a new one. */
  readonly driver?: StorageDriver | undefined
}

/**
 * Layers and containers' files by the chosen driver. Throws `invalid_input` when the data folder was made with another one, whose
 * layers and containers would be out of sight, and `unsupported` when its file system cannot carry the driver.
 */
export async function openStorage(options: StorageOptions): Promise<{ layers: LayerStore; snapshots: Snapshotter }> {
  const driver = await decide(options)
  const { config, unpacker, kernel } = options
  const removeTree = async (path: string) => void (await kernel.ops([['rmtree', path]]))
  const trees = treesOf(driver, unpacker, removeTree)
  const layers = await createLayerStore({ config, unpacker, folder: driver, trees })
  if (trees) return { layers, snapshots: createTreeSnapshotter({ config, driver, layers, trees, removeTree }) }
  const fuseProgram = driver === 'fuse-overlayfs' ? fuseOverlayfs : undefined
  return {
    layers,
    snapshots: createOverlaySnapshotter({ config, layers, removeTree, fuseProgram, ...(fuseProgram === undefined ? { kernel } : {}) }),
  }
}

/** How the drivers whose containers are whole folders make them; undefined for those that stack folders. */
export function treesOf(
  driver: StorageDriver,
  unpacker: Pick<Unpacker, 'clone' | 'subvolume' | 'removeSubvolume'>,
  removeTree: (path: string) => Promise<void> = (path) => rm(path, { recursive: true, force: true }),
): Trees | undefined {
  if (driver === 'vfs') {
    return {
      create: async (path) => void mkdirSync(path),
      clone: async (source, path) => {
        mkdirSync(path)
        await unpacker.clone(source, path)
      },
      remove: removeTree,
    }
  }
  if (driver !== 'btrfs') return undefined
  return {
    create: (path) => unpacker.subvolume(path),
    clone: (source, path) => unpacker.subvolume(path, source),
    remove: async (path) => {
      // A container may have made subvolumes in its own: file by file they go too (rmdir takes empty ones).
      if (existsSync(path) && !(await unpacker.removeSubvolume(path))) await removeTree(path)
    },
  }
}

const markSchema = z.object({ version: z.literal(1), driver: z.enum(storageDrivers) })

async function decide({ config, unpacker, kernel, driver: asked }: StorageOptions): Promise<StorageDriver> {
  const file = join(config.dataDir, 'storage.json')
  const made = madeWith(config.dataDir, file)
  if (made && asked && made !== asked) {
    throw new GantryError('invalid_input', `data folder ${config.dataDir} was made with storage driver ${made}, not ${asked}`, {
      field: 'GANTRY_STORAGE_DRIVER',
      value: asked,
      remedy: `leave GANTRY_STORAGE_DRIVER out to go on with ${made}, or choose another GANTRY_DATA and pull the images there`,
    })
  }
  const driver = made ?? asked ?? 'overlay2'
  const check = (candidate: StorageDriver) => checkDriver(candidate, { dataDir: config.dataDir, unpacker, kernel })
  const refusal = await check(driver)
  if (refusal) {
    const possible: string[] = []
    for (const other of storageDrivers) if (other !== driver && !(await check(other))) possible.push(other)
    throw new GantryError('unsupported', `storage driver ${driver} cannot work in ${config.dataDir}: ${refusal}`, {
      field: 'GANTRY_STORAGE_DRIVER',
      value: driver,
      remedy:
        made === undefined && possible.length > 0
          ? `set GANTRY_STORAGE_DRIVER to ${possible.join(' or ')}, which would work there, or put GANTRY_DATA on ext4, xfs or btrfs`
          : 'put GANTRY_DATA on ext4, xfs or btrfs',
    })
  }
  if (made === undefined) replaceFileSync(file, { version: 1, driver })
  return driver
}

/** Data folders from before there was a choice have no mark: theirs is overlay2. */
function madeWith(dataDir: string, file: string): StorageDriver | undefined {
  const read = readStateFile(file)
  const mark = read.kind === 'value' ? markSchema.safeParse(read.value) : undefined
  if (mark?.success) return mark.data.driver
  return storageDrivers.find((driver) => existsSync(join(dataDir, driver, 'layers')))
}
