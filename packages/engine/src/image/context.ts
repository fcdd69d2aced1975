import type { UnpackLimits, Unpacker } from '../kernel/unpack.ts'
import type { EngineConfig, EventBus } from '../ports.ts'
import type { LayerStore } from '../snapshot/layers.ts'
import type { ContentStore } from './content-store.ts'
import type { Leases } from './leases.ts'
import type { ImageRecords, LayerRecord } from './records.ts'

/** What every verb on images works with. */
export interface ImageContext {
  readonly config: EngineConfig
  readonly events: Pick<EventBus, 'emit'>
  readonly layers: LayerStore
  readonly unpacker: Unpacker
  readonly content: ContentStore
  readonly records: ImageRecords
  readonly leases: Leases
  /** `<container id>/<image id>`: which images a container stands on or mounts. */
  readonly pins: Map<string, { readonly imageId: string; readonly projectId: string | undefined; readonly containerId: string }>
  /** Image id to the write-behind session that its record was written in. */
  readonly recordedIn: Map<string, string>
  readonly privateRegistries: readonly string[]
  /** True for content of the build cache, which no image has. */
  readonly isKept: (id: string) => boolean
  readonly keptLayers: (projectId: string) => readonly LayerRecord[]
}

/** Bounds of one image unless the request brings a smaller one. */
export const defaultLimits: UnpackLimits = {
  maxBytes: 128 * 1024 ** 3,
  /** gzip reaches 1,030 on zeros; real layers stay below 50. */
  maxRatio: 500,
  maxEntries: 2_000_000,
  reserveBytes: 128 * 1024 ** 2,
}

export function limitsFor(asked: { maxBytes: number } | undefined): UnpackLimits {
  return { ...defaultLimits, maxBytes: Math.min(asked?.maxBytes ?? defaultLimits.maxBytes, defaultLimits.maxBytes) }
}
