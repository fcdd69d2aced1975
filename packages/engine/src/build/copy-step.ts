import { type FileHandle, open } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { GantryError } from '@gantry/contracts'
import type { Lease } from '../image/make-image.ts'
import type { LayerRecord } from '../image/records.ts'
import type { PutOptions, View } from '../kernel/archiver.ts'
import type { UnpackLimits } from '../kernel/unpack.ts'
import { findOwner } from '../archive/owner.ts'
import { stackView } from '../archive/container-view.ts'
import { ownLayer, type Workshop } from './commit.ts'
import type { Source } from './copy-sources.ts'
import { withScratchLayer } from './scratch-layer.ts'

/** What one origin gives; several where here-documents and files are mixed. */
export interface CopyGroup {
  readonly view: View
  /** Host folder of the view, where it is one: only from there are archives unpacked. */
  readonly folder?: string
  readonly sources: readonly Source[]
}

export interface CopyStep {
  readonly below: readonly LayerRecord[]
  readonly groups: readonly CopyGroup[]
  /** Absolute; a trailing slash means a folder. */
  readonly destination: string
  readonly chown?: string | undefined
  readonly mode?: number | undefined
  /** The files' own owners stay (COPY --from); otherwise everything is root's. */
  readonly keepOwners: boolean
  /** ADD: archives are unpacked. */
  readonly unpack: boolean
  readonly lease: Lease
  readonly limits: UnpackLimits
  readonly signal: AbortSignal
}

/** Writes files over the layers below and makes a layer of that. */
export function copyStep(shop: Workshop, step: CopyStep): Promise<LayerRecord | undefined> {
  const { lease, limits, signal, below } = step
  return withScratchLayer(
    shop.parts,
    below.map(({ chainId }) => chainId),
    async (own) => {
      const target = stackView(own.rootfs, { mounts: [], access: 'write' })
      const owner = await ownerOf(shop, target, step)
      const put = { owner, mode: step.mode, limits, signal } as const
      const intoFolder = step.destination.endsWith('/') || (await isFolder(shop, target, step.destination))
      for (const group of step.groups) await copyGroup(shop, { group, target, step, put, intoFolder })
      return ownLayer(shop, own, { below, lease, limits, signal })
    },
  )
}

/** Makes a folder with all above it, as WORKDIR does; nothing when it is there. */
export function folderStep(
  shop: Workshop,
  path: string,
  step: Pick<CopyStep, 'below' | 'lease' | 'limits' | 'signal'>,
): Promise<LayerRecord | undefined> {
  const { below, ...rest } = step
  return withScratchLayer(
    shop.parts,
    below.map(({ chainId }) => chainId),
    async (own) => {
      const target = stackView(own.rootfs, { mounts: [], access: 'write' })
      const made = await shop.archiver.makeFolder(target, path, { uid: 0, gid: 0 })
      return made ? ownLayer(shop, own, { below, ...rest }) : undefined
    },
  )
}

interface Copy {
  readonly group: CopyGroup
  readonly target: View
  readonly step: CopyStep
  readonly put: Omit<PutOptions, 'path' | 'flags'>
  readonly intoFolder: boolean
}

async function copyGroup(shop: Workshop, copy: Copy): Promise<void> {
  const { group, target, step, put, intoFolder } = copy
  const { destination } = step
  const folder = intoFolder ? destination : posix.dirname(destination)
  const files: Source[] = []
  for (const source of group.sources) {
    if (source.folder) {
      const options: PutOptions = { ...put, path: destination, flags: ['mkdir', 'follow'] }
      await shop.archiver.copy(group.view, [{ path: source.path, name: '' }], target, options)
    } else if (step.unpack && group.folder !== undefined && (await shop.archiver.isTar(group.view, source.path))) {
      await unpackArchive(shop, copy, source)
    } else files.push(source)
  }
  if (files.length === 0) return
  const items = files.map(({ path, name }) => ({ path, name: intoFolder ? name : posix.basename(destination) }))
  await shop.archiver.copy(group.view, items, target, { ...put, path: folder, flags: ['mkdir', 'follow'] })
}

/** Owners are the archive's own, unless others were asked for. */
async function unpackArchive({ archiver }: Workshop, { group, target, step, put }: Copy, source: Source): Promise<void> {
  // The path has no link in it, and nobody changes the context meanwhile.
  const file: FileHandle = await open(join(group.folder ?? '', source.path), 'r')
  try {
    const owner = step.chown === undefined ? undefined : put.owner
    await archiver.put(target, file, { ...put, owner, path: step.destination, flags: ['mkdir', 'follow'] })
  } finally {
    await file.close()
  }
}

async function ownerOf({ archiver }: Workshop, target: View, step: CopyStep): Promise<PutOptions['owner']> {
  if (step.chown !== undefined) return findOwner(archiver, target, step.chown, { sameGroup: true })
  return step.keepOwners ? undefined : { uid: 0, gid: 0 }
}

async function isFolder({ archiver }: Workshop, view: View, path: string): Promise<boolean> {
  try {
    return (await archiver.stat(view, path, { follow: true })).type === 'folder'
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') return false
    throw error
  }
}
