import type { HostInfo } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'
import type { Cgroups, EngineConfig } from '../ports.ts'

export interface HostInfoSources {
  readonly config: EngineConfig
  readonly cgroups: Pick<Cgroups, 'version'>
  readonly storageDriver: string
  readonly counts: () => { containers: number; containersRunning: number; images: number }
}

/** `system.info`. Facts that cannot change are read once. */
export async function hostInfo(_sources: HostInfoSources): Promise<HostInfo> {
  throw new GantryError('unsupported', 'host facts are not available yet')
}
