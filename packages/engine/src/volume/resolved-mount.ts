import type { MountSpec } from '@gantry/contracts'
import type { ResolvedMount } from '../ports.ts'

/** The part of a tmpfs mount that is about its file system. */
export function tmpfsOptions(mount: Extract<MountSpec, { type: 'tmpfs' }>): NonNullable<ResolvedMount['tmpfs']> {
  const { type: _type, target: _target, readOnly: _readOnly, ...options } = mount
  return options
}
