import { existsSync } from 'node:fs'
import { GantryError } from '@gantry/contracts'
import { readStateFile } from '../lib/atomic-file.ts'
import type { LayerStore } from './layers.ts'

/** Which layers the container stands on, topmost last: diff needs them again after a restart of the agent. Written last. */
export const stackFile = 'layers.json'

export function readStack(file: string, containerId: string): readonly string[] {
  const read = readStateFile(file)
  if (read.kind !== 'value') throw new GantryError('internal', `the list of layers of container ${containerId} is ${read.kind}`)
  return read.value as readonly string[]
}

export function layerPath(layers: LayerStore, chainId: string): string {
  if (!layers.get(chainId)) throw new GantryError('not_found', `layer ${chainId} is missing`, { remedy: 'pull or load the image again' })
  return layers.path(chainId)
}

export function existing(folder: string, containerId: string): string {
  if (!existsSync(folder)) throw new GantryError('not_found', `container ${containerId} has no writable layer`)
  return folder
}

export function checkedId(containerId: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId)) throw new GantryError('internal', `"${containerId}" is not a container id`)
  return containerId
}
