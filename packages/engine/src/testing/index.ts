export * from './loop-btrfs.ts'
export * from './tar.ts'
