import type { DoctorCheck } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { EngineConfig } from '../ports.ts'
import { checkCgroups } from './check-cgroups.ts'
import { checkHost } from './check-host.ts'
import { checkKernel } from './check-kernel.ts'

export interface DoctorOptions {
  readonly config: Pick<EngineConfig, 'dataDir' | 'nativeDir'>
  readonly kernel: Pick<Kernel, 'ops'>
}

/**
 * Tries what this machine's kernel and tools can do, and says what the engine does where something is missing.
 * Never rejects for a missing feature; takes some 50 ms and leaves nothing behind.
 */
export async function doctor(options: DoctorOptions): Promise<DoctorCheck[]> {
  const [kernel, host] = await Promise.all([checkKernel(options), checkHost(options)])
  return [...kernel, ...checkCgroups(), ...host]
}
