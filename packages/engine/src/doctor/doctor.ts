import type { DoctorCheck } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { EngineConfig } from '../ports.ts'
import { checkCgroups } from './check-cgroups.ts'
import { checkHost } from './check-host.ts'
import { checkKernel } from './check-kernel.ts'
import { checkServices } from './check-services.ts'

export interface DoctorOptions {
  readonly config: Pick<EngineConfig, 'dataDir' | 'nativeDir'>
  readonly kernel: Pick<Kernel, 'ops'>
  /** Where LXCFS is looked for, and how many of its files containers get now. Absent: it is not looked for. */
  readonly lxcfs?: { readonly path: string | undefined; readonly covers: number }
  /** What reads the host's journal, when it is there. */
  readonly journalctl?: string | undefined
}

/**
 * Tries what this machine's kernel and tools can do, and says what the engine does where something is missing.
 * Never rejects for a missing feature; takes some 50 ms and leaves nothing behind.
 */
export async function doctor(options: DoctorOptions): Promise<DoctorCheck[]> {
  const [kernel, host, services] = await Promise.all([checkKernel(options), checkHost(options), checkServices(options)])
  return [...kernel, ...checkCgroups(), ...host, ...services]
}
