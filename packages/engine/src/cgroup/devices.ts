import { join } from 'node:path'
import type { Op } from '@gantry/contracts'
import type { DeviceRule } from '../ports.ts'
import { deviceProgram } from './device-bpf.ts'

/** null, zero, full, random, urandom, tty, console, ptmx and every pty: what any container may open. */
const everybody: readonly (readonly [major: number, minor: number | null])[] = [
  [1, 3],
  [1, 5],
  [1, 7],
  [1, 8],
  [1, 9],
  [5, 0],
  [5, 1],
  [5, 2],
  [136, null],
]
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, type: 'a', major: null, minor: null, access: 'rwm' },
  ...everybody.map(([major, minor]) => ({ allow: true, type: 'c' as const, major, minor, access: 'rwm' })),
]

/**
 * Opens the default devices and then applies the container's own rules, in order. v1: Documentation/admin-guide/cgroup-v1/devices.rst,
 * one rule per write; v2: a program (`bpf.device`) that replaces the group's former one.
 */
export function deviceOps(dir: string, version: 1 | 2, rules: readonly DeviceRule[]): Op[] {
  const all = [...defaultDeviceRules, ...rules]
  if (version === 2) return [['bpf.device', dir, Buffer.from(deviceProgram(all)).toString('hex')]]
  // Whatever came before the last rule on all devices makes no difference.
  const start = all.findLastIndex((rule) => rule.type === 'a')
  return all.slice(start).map((rule) => ['write', join(dir, rule.allow ? 'devices.allow' : 'devices.deny'), ruleText(rule)])
}

/** `c 136:* rwm`; `a` stands alone, the kernel reads no numbers after it. */
function ruleText(rule: DeviceRule): string {
  if (rule.type === 'a') return 'a'
  return `${rule.type} ${rule.major ?? '*'}:${rule.minor ?? '*'} ${rule.access}`
}
