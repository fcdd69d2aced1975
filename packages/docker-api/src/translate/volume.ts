import type { VolumeInspect } from '@gantry/contracts'

/** A volume as Docker shows it; without labels or options it says null. */
export function toVolume(volume: VolumeInspect): object {
  const orNull = (map: Record<string, string>) => (Object.keys(map).length > 0 ? map : null)
  return {
    CreatedAt: volume.createdAt.replace(/\.\d+Z$/, 'Z'),
    Driver: volume.driver,
    Labels: orNull(volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: 'local',
    ...(volume.status ? { Status: volume.status } : {}),
    ...(volume.sizeBytes === undefined ? {} : { UsageData: { RefCount: volume.usedBy.length, Size: volume.sizeBytes } }),
  }
}
