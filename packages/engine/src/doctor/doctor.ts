import type { DoctorCheck } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'
import type { Kernel } from '../kernel/kernel.ts'
import type { EngineConfig } from '../ports.ts'

/** Probes what this machine's kernel and tools can do and says what the engine does where something is missing. */
export async function doctor(_options: { config: EngineConfig; kernel: Pick<Kernel, 'ops'> }): Promise<DoctorCheck[]> {
  throw new GantryError('unsupported', 'doctor is not available yet')
}
