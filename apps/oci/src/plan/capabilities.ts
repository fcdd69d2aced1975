import { capabilityNames } from '@gantry/contracts/capability-names'
import type { Process } from '../config/process.ts'
import { warn } from '../log.ts'

const SYS_ADMIN = 1n << 21n

/**
 * The five sets as the masks that `identity` and `caps.final` take, and what is kept until the filter is in place: without
 * no_new_privs the kernel lets only CAP_SYS_ADMIN install one (seccomp(2)). What this process may not pass on, or this kernel does
 * not know, is left out with a warning.
 */
export function capabilityMasks(wanted: Process['capabilities'], most: bigint, keepForFilter: boolean): string[] {
  const bounding = mask(wanted?.bounding, most)
  const permitted = mask(wanted?.permitted, most) & bounding
  const inheritable = mask(wanted?.inheritable, most) & bounding
  const effective = mask(wanted?.effective, most) & permitted
  const ambient = mask(wanted?.ambient, most) & permitted & inheritable
  const keep = keepForFilter ? SYS_ADMIN & most : 0n
  return [bounding, effective, inheritable, permitted, ambient, keep].map((set) => set.toString(16))
}

function mask(names: readonly string[] | null | undefined, most: bigint): bigint {
  let all = 0n
  const lost: string[] = []
  for (const name of names ?? []) {
    const bit = capabilityNames.findIndex((known) => `CAP_${known}` === name.toUpperCase())
    const flag = bit < 0 ? 0n : 1n << BigInt(bit)
    if ((flag & most) === 0n) lost.push(name)
    else all |= flag
  }
  if (lost.length > 0) warnOnce(lost)
  return all
}

const told = new Set<string>()
function warnOnce(names: readonly string[]): void {
  const fresh = names.filter((name) => !told.has(name))
  for (const name of fresh) told.add(name)
  if (fresh.length > 0) warn(`capabilities that this machine cannot give: ${fresh.join(', ')}`)
}
