import type { BuildCacheRecord, ContainerInspect, VolumeInspect } from '@gantry/contracts'
import type { DiskUsage } from '@gantry/core'
import { toListItem } from './images.ts'

/** The kinds of things a client may ask for alone, from 1.42 on. */
export const usageTypes = ['container', 'image', 'volume', 'build-cache'] as const

export function toDiskUsage({ images, layerBytes, containers, volumes, buildCache }: DiskUsage, { version, types }: Asked): object {
  const has = (type: string) => types.length === 0 || types.includes(type)
  return {
    ...(has('image') ? { LayersSize: layerBytes, Images: images.map((image) => toListItem(image, { version, counted: true })) } : {}),
    ...(has('container') ? { Containers: containers.map((container) => toContainer(container, images)) } : {}),
    ...(has('volume') ? { Volumes: volumes.map(toVolume) } : {}),
    ...(has('build-cache') ? { BuildCache: buildCache.map((step) => toBuildCache(step, version)) } : {}),
    ...(has('build-cache') && version < 42 ? { BuilderSize: buildCache.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) } : {}),
  }
}

interface Asked {
  readonly version: number
  readonly types: readonly string[]
}

function toContainer(container: ContainerInspect, images: DiskUsage['images']): object {
  const rw = container.sizeRwBytes ?? 0
  const image = images.find(({ id }) => id === container.imageId)?.sizeBytes ?? 0
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.image,
    ImageID: container.imageId,
    Command: container.args.join(' '),
    Created: Math.floor(Date.parse(container.createdAt) / 1000),
    Ports: [],
    SizeRw: rw,
    SizeRootFs: rw + image,
    Labels: container.labels,
    State: container.state.status,
    Status: container.state.status,
    Mounts: container.resolvedMounts.map(({ type, name, source, target, readOnly }) => {
      return { Type: type, Name: name ?? '', Source: source, Destination: target, Mode: '', RW: !readOnly, Propagation: '' }
    }),
  }
}

function toBuildCache(step: BuildCacheRecord, version: number): object {
  const { id, parents, description, sizeBytes, shared, inUse, createdAt, usedAt, uses } = step
  const parent = parents[0] === undefined ? {} : { Parent: parents[0] }
  return {
    ID: id,
    ...(version < 42 ? parent : { Parents: parents }),
    Type: 'regular',
    Description: description,
    InUse: inUse,
    Shared: shared,
    Size: sizeBytes,
    CreatedAt: createdAt,
    LastUsedAt: usedAt,
    UsageCount: uses,
  }
}

function toVolume(volume: VolumeInspect): object {
  return {
    Name: volume.name,
    Driver: volume.driver,
    Mountpoint: volume.mountpoint,
    Labels: volume.labels,
    Scope: 'local',
    Options: null,
    CreatedAt: volume.createdAt,
    UsageData: { Size: volume.sizeBytes ?? -1, RefCount: volume.usedBy.length },
  }
}
