import type { ContainerInspect } from '@gantry/contracts'

/** `Mounts` of inspect and list. */
export function toMountPoints(mounts: ContainerInspect['resolvedMounts']): object[] {
  return mounts.map(({ type, name, source, target, readOnly, propagation }) => ({
    Type: type,
    ...(name === undefined ? {} : { Name: name }),
    Source: source,
    Destination: target,
    ...(type === 'volume' ? { Driver: 'local' } : {}),
    Mode: type === 'volume' ? 'z' : '',
    RW: !readOnly,
    Propagation: type === 'bind' ? (propagation ?? 'rprivate') : '',
  }))
}
