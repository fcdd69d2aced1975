import type { NetworkDependencies, NetworkEngine } from './network-engine.ts'

export type { NetworkDependencies, NetworkEngine }
export declare function createNetworkController(dependencies: NetworkDependencies): NetworkEngine
