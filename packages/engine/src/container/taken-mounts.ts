import type { ContainerSpec, MountSpec } from '@gantry/contracts'
import type { Parts } from './parts.ts'

/**
 * Docker's --volumes-from: the other containers' volumes and bind mounts at the same places, where the spec has none of its own. Of
 * two that have one at the same place the later wins. A read-only mount stays so.
 */
export function takeMounts(parts: Pick<Parts, 'store'>, projectId: string, spec: ContainerSpec): ContainerSpec {
  const taken = new Map<string, MountSpec>()
  const volumesFrom = spec.volumesFrom.map(({ container, readOnly }) => {
    const { record } = parts.store.find(projectId, container)
    for (const mount of record.mounts) {
      const asked = record.spec.mounts.find(({ target }) => target === mount.target)
      const made = takenMount(asked, mount, readOnly)
      if (made) taken.set(mount.target, made)
    }
    return { container: record.id, readOnly }
  })
  for (const { target } of spec.mounts) taken.delete(target)
  return { ...spec, volumesFrom, mounts: [...spec.mounts, ...taken.values()] }
}

/** A volume that nobody named has its name only in what the engine resolved. A tmpfs is each container's own. */
function takenMount(
  asked: MountSpec | undefined,
  mount: { type: string; name?: string | undefined; target: string; readOnly: boolean },
  readOnly: boolean,
): MountSpec | undefined {
  const access = mount.readOnly || readOnly
  if (mount.type === 'volume' && mount.name !== undefined) {
    const base = asked?.type === 'volume' ? asked : { type: 'volume' as const, target: mount.target, noCopy: true }
    return { ...base, source: mount.name, readOnly: access }
  }
  return asked?.type === 'bind' ? { ...asked, readOnly: access } : undefined
}
