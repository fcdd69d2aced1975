import type { ContainerSpec, Policy } from '@gantry/contracts'
import { GantryError } from '@gantry/contracts'

export interface PolicyContext {
  /** Canonical path of a host path, its missing tail included; node's realpath on the deepest existing part when absent. */
  readonly resolvePath?: (path: string) => Promise<string>
}
export interface PolicyVerdict {
  /** Bind source and device path as asked → canonical host path that was judged. Mount this one, not the one asked for. */
  readonly paths: ReadonlyMap<string, string>
}

/**
 * Judges the final, normalised spec. Throws `forbidden` naming the first field the policy does not allow,
 * `invalid_input` for what nobody may ask for (an unknown sysctl namespace).
 */
export async function checkPolicy(_spec: ContainerSpec, _policy: Policy, _context: PolicyContext = {}): Promise<PolicyVerdict> {
  throw new GantryError('unsupported', 'policy is not available yet')
}
