import { readdirSync, statSync } from 'node:fs'
import { type ContainerSpec, GantryError } from '@gantry/contracts'
import type { DeviceRule } from '../ports.ts'

/** What a container may use beyond the devices that everybody has, in order. Reads the numbers of the host devices it names. */
export function deviceRules(spec: Pick<ContainerSpec, 'privileged' | 'devices' | 'deviceRules' | 'userns'>): DeviceRule[] {
  if (spec.privileged) return [{ allow: true, type: 'a', major: null, minor: null, access: 'rwm' }]
  // Making a node is harmless, using it is what needs a rule; in a user namespace the kernel lets nobody make one.
  const make: DeviceRule[] = spec.userns === 'host' ? [anyNode('c'), anyNode('b')] : []
  return [
    ...make,
    ...hostDevices(spec.devices).map((device) => hostDevice(device.hostPath, device.permissions)),
    ...spec.deviceRules.map(parseRule),
  ]
}

/** The devices that were asked for, one by one: of a folder, all in it and below, at the same places inside. */
export function hostDevices(devices: ContainerSpec['devices']): ContainerSpec['devices'] {
  return devices.flatMap((device) => {
    if (!statSync(device.hostPath, { throwIfNoEntry: false })?.isDirectory()) return [device]
    const inside = device.containerPath ?? device.hostPath
    const found = readdirSync(device.hostPath, { recursive: true, encoding: 'utf8' })
      .map((name) => ({ ...device, hostPath: `${device.hostPath}/${name}`, containerPath: `${inside}/${name}` }))
      .filter(({ hostPath }) => isDevice(hostPath))
    if (found.length === 0) throw noDevice(device.hostPath)
    return found
  })
}

function isDevice(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat?.isCharacterDevice() === true || stat?.isBlockDevice() === true
}

function noDevice(path: string): GantryError {
  return new GantryError('invalid_input', `${path} is not a device of this machine`, { field: 'spec.devices', value: path })
}

function anyNode(type: 'b' | 'c'): DeviceRule {
  return { allow: true, type, major: null, minor: null, access: 'm' }
}

function hostDevice(path: string, access: string): DeviceRule {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat || !(stat.isCharacterDevice() || stat.isBlockDevice())) throw noDevice(path)
  // glibc's gnu_dev_major and gnu_dev_minor.
  const number = BigInt(stat.rdev)
  const major = Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n))
  const minor = Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n))
  return { allow: true, type: stat.isBlockDevice() ? 'b' : 'c', major, minor, access }
}

/** `c 189:* rwm`, as the schema has checked. */
function parseRule(rule: string): DeviceRule {
  const [type, numbers, access] = rule.split(' ') as [DeviceRule['type'], string, string]
  const [major, minor] = numbers.split(':').map((part) => (part === '*' ? null : Number(part))) as [number | null, number | null]
  return { allow: true, type, major, minor, access }
}
