export const storageDrivers = ['overlay2', 'fuse-overlayfs', 'btrfs', 'vfs'] as const
export type StorageDriver = (typeof storageDrivers)[number]

/** Where Debian's package puts it; nothing else is looked for, as it runs as root. */
export const fuseOverlayfs = '/usr/bin/fuse-overlayfs'
