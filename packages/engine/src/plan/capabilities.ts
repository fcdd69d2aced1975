import { capabilityNames, type ContainerSpec, type Op } from '@gantry/contracts'

/** Docker's default set: what images expect of root without giving away the host. */
export const defaultCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
] as const

type CapabilityChoice = Pick<ContainerSpec, 'privileged' | 'capAdd' | 'capDrop'>

/**
 * The capabilities of the container's root, in the kernel's order: default set (all when privileged), plus `capAdd`, minus
 * `capDrop` (`ALL` empties the default or the added set, as docker has it), cut to what this machine's root holds.
 */
export function containerCapabilities(spec: CapabilityChoice, hostCapabilities: readonly string[]): string[] {
  const wanted = new Set<string>(spec.privileged || spec.capAdd.includes('ALL') ? capabilityNames : defaultCapabilities)
  if (spec.capDrop.includes('ALL')) wanted.clear()
  if (spec.capAdd.includes('ALL') && spec.capDrop.includes('ALL')) for (const name of capabilityNames) wanted.add(name)
  for (const name of spec.capAdd) if (name !== 'ALL') wanted.add(name)
  for (const name of spec.capDrop) wanted.delete(name)
  const host = new Set(hostCapabilities)
  return capabilityNames.filter((name) => wanted.has(name) && host.has(name))
}

/** `caps LIST`: bounding, permitted and effective; inheritable and ambient are always emptied (CVE-2022-24769). */
export function capabilityOps(spec: CapabilityChoice, hostCapabilities: readonly string[]): Op[] {
  return [['caps', containerCapabilities(spec, hostCapabilities).join(',')]]
}
