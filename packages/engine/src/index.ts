export { createEngine, type Engine, type EngineOptions } from './engine.ts'
export type { EngineConfig } from './ports.ts'
export { type StorageDriver, storageDrivers } from './snapshot/storage-driver.ts'
